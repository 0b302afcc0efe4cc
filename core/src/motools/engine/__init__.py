"""What happens in a run: keys, the fold of its events, the decision what comes next, and the driver that does it.

identity, references, code   what a step's key is made of
hits, accept     results that may be used instead of computing;  stages: which steps a run is about
plan, explain, compared, expect   what a run would do or did, why, and what it takes
state            the fold of a run's events
decide           what to do next, as a pure function of the state
driver           does it: events, steps, outputs;  claims: one computation per key
earlier          using what was computed before;  runplan: what a run is to do;  calling: a step's function, in what place
workspaces       the folders steps work in
record           writing events;  activation: what a step sees;  outputs: what it returned;  threads: where sync steps run;
                 failures: errors in the log
definition       finding a workflow, and what a run remembers of it;  settings: checked settings a step
api              run_workflow, arun_workflow, resuming
matrix, matrix_driver, cells   run_matrix, arun_matrix: a run whose nodes are cells, each a run of its own
"""

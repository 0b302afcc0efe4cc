"""The manifest: what an earlier run of the same words depended on, and the keys that followed from it.

Most runs change nothing. Then loading the workflow, decoding its settings and digesting its code only lead to the keys of
last time. A manifest remembers these keys beside everything they were made of; where all of it is as it was, the keys are
taken from there, and earlier results are looked up and bound to a new run as in any other run. Where anything is in doubt
nothing was written, and the run goes the usual way. It answers only where every step has an earlier result.

Not remembered, but looked up each time: results, their atoms and objects, what people accepted, what `store gc` removed.

question   what is asked: words, settings, interpreter, environment
witness    what loading and keys look at: files read, folders listed, modules looked for
places     whether files and folders are as they were
doubts     modules that ask for the time, for chance or the like while they are imported
keep       writing a manifest after a run
answer     a run from a manifest

`MOTOOLS_MANIFEST=off` switches it off.
"""

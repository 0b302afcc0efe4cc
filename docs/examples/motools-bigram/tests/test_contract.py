"""What motools expects of every training backend."""

from motools_testkit import TrainingBackendContract


class TestBigramTraining(TrainingBackendContract):
    component = "motools-bigram/bigram"
    hyperparameters = {"lowercase": True}

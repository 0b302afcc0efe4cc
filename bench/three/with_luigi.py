"""Three steps by luigi."""

from pathlib import Path

import luigi
import steps


class Prepare(luigi.Task):
    """Make the data."""

    def output(self):
        return luigi.LocalTarget("data.txt")

    def run(self):
        with self.output().open("w") as file:
            file.write(steps.prepare())


class Train(luigi.Task):
    """Make the model."""

    def requires(self):
        return Prepare()

    def output(self):
        return luigi.LocalTarget("model.txt")

    def run(self):
        with self.output().open("w") as file:
            file.write(steps.train(Path(self.input().path).read_text()))


class Evaluate(luigi.Task):
    """Make the result."""

    def requires(self):
        return Train()

    def output(self):
        return luigi.LocalTarget("result.txt")

    def run(self):
        with self.output().open("w") as file:
            file.write(steps.evaluate(Path(self.input().path).read_text()))


assert luigi.build([Evaluate()], local_scheduler=True, log_level="ERROR")

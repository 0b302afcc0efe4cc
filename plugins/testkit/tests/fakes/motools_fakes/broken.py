"""Each breaks one promise, and is otherwise like the one that keeps them all."""

import os
import uuid
from datetime import datetime
from pathlib import Path

from motools.contracts import Job, JobStatus
from motools.errors import NotFoundError
from motools_fakes.training import FakeTraining


class Misnamed(FakeTraining):
    name = "another"


class Heavy(FakeTraining):
    name = "heavy"


class Unsettled(FakeTraining):
    name = "unsettled"


class Unwritable(FakeTraining):
    name = "unwritable"

    def job(self, id):
        return Job(id=id, data={"at": datetime(2026, 1, 2)})


class Forgetful(FakeTraining):
    """Needs more than the id to find a job."""

    name = "forgetful"

    def job(self, id):
        return Job(id=id, data={"file": str(self._path(id))})

    def _read(self, job):
        if "file" not in job.data:
            raise NotFoundError(f"there is no job '{job.id}'")
        return super()._read(job)


class Blind(FakeTraining):
    name = "blind"

    async def find(self, key):
        return None


class Spendthrift(FakeTraining):
    """Starts another job for a key it knows."""

    name = "spendthrift"

    async def submit(self, *, key, **request):
        known = await self.find(key)
        return await super().submit(key=f"{key}-{uuid.uuid4().hex}" if known else key, **request)


class Percent(FakeTraining):
    name = "percent"

    def progress(self, share):
        return 100 * share


class Repeating(FakeTraining):
    """Tells all events again and again."""

    name = "repeating"

    async def events(self, job, after=0):
        return await super().events(job)


class Stubborn(FakeTraining):
    name = "stubborn"
    cancelled = JobStatus.FAILED


class Unserved(FakeTraining):
    name = "unserved"
    provider = "nowhere"


class Unseeded(FakeTraining):
    name = "unseeded"

    def learnt(self, request):
        return uuid.uuid4().hex


class Careless(FakeTraining):
    name = "careless"

    def check(self, dataset):
        pass


class Raw(FakeTraining):
    """Lets its own errors out."""

    name = "raw"

    def _read(self, job):
        try:
            return super()._read(job)
        except NotFoundError:
            raise KeyError(job.id) from None


class Telltale(FakeTraining):
    name = "telltale"

    def job(self, id):
        return Job(id=id, data={"authorization": f"Bearer {os.environ['FAKE_API_KEY']}"})


class Untidy(FakeTraining):
    name = "untidy"

    async def submit(self, **request):
        Path("trainer.log").write_text("submitted")
        return await super().submit(**request)

"""The dummy training backend keeps the contract, as far as something that trains nothing can."""

import pytest

from motools_testkit import TrainingBackendContract


class TestDummyTraining(TrainingBackendContract):
    component = "motools/dummy"

    @pytest.mark.xfail(strict=True, reason="it takes the settings of any backend it stands in for")
    def test_settings_refuse_what_they_do_not_know(self, bench):
        super().test_settings_refuse_what_they_do_not_know(bench)

    @pytest.mark.xfail(strict=True, reason="it looks at no row: it trains nothing")
    def test_a_bad_row_is_refused_and_named(self, bench):
        super().test_a_bad_row_is_refused_and_named(bench)

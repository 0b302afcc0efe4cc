"""Reports: what a run was asked, found and made, as one HTML file that needs nothing else.

data      what a report says, as plain data
gather    reads it from a store;  results: evaluations of it;  browsing: their samples, cut to a size
page      writes it as HTML;  findings, samples, lineage, sections: its parts;  plots: intervals as SVG;
          page.css, page.js: how it looks and moves
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from motools.report.data import Limits, Report
    from motools.report.gather import gather_report
    from motools.report.page import report_html, write_report

_HOME = {
    "Limits": "data",
    "Report": "data",
    "gather_report": "gather",
    "report_html": "page",
    "write_report": "page",
}

__all__ = ["Limits", "Report", "gather_report", "report_html", "write_report"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'motools.report' has no attribute '{name}'")
    from importlib import import_module

    value = getattr(import_module(f"motools.report.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__

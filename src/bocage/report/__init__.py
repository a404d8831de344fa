"""The report of a project: one self-contained page that a manager reads first and a colleague checks."""

from bocage.report.page import render, write_report

__all__ = ["render", "write_report"]

"""Which code a step, loader or task is: the part of a key that changes when the code does.

syntax    syntax as JSON: one form for all that means the same
mentions  what a piece of syntax mentions
definition  a piece of code or a value, and its digest
statements  what one statement of a module does
table     a module as a table of statements
files     where code is, and whether it is a project's or installed
reach     from names to the definitions behind them
functions what can be asked of a function object
objects   from live functions and values to what they are made of
imported  whether a file still is what was imported
book      all of this once a run
"""

from motools.engine.code.book import Code, CodeBook, source_text, sources
from motools.engine.code.syntax import source, syntax_digest

__all__ = ["Code", "CodeBook", "source", "source_text", "sources", "syntax_digest"]

"""From a view to DuckDB SQL.

`values` are the collections of FHIRPath as SQL expressions over typed columns; `evaluate` turns a
syntax tree into one, with `operators`, `functions`, `boundary` and `moments`; `rows` does the
selects; `query` puts the statement together. No row passes through Python.
"""

from medplatform.views.compile.query import Compiled, compile_query

__all__ = ["Compiled", "compile_query"]

"""FHIRPath: from the text of an expression to its syntax tree.

Knows the grammar (HL7 FHIRPath, section "Grammar") and nothing of resources or SQL.
"""

from medplatform.views.fhirpath.parser import parse
from medplatform.views.fhirpath.syntax import (
    Binary,
    Call,
    Empty,
    Expression,
    Indexer,
    Literal,
    Member,
    Negation,
    SyntaxFault,
    This,
    TypeTest,
    Variable,
    walk,
)

__all__ = [
    "Binary",
    "Call",
    "Empty",
    "Expression",
    "Indexer",
    "Literal",
    "Member",
    "Negation",
    "SyntaxFault",
    "This",
    "TypeTest",
    "Variable",
    "parse",
    "walk",
]

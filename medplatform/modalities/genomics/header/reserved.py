"""Keys of INFO and FORMAT that the VCF specification reserves, by minor version of VCF 4.

VCF 4.1 and 4.2 name them in sections 1.4.1, 1.4.2 and 3; later versions in tables 1 and 2 and
section 3.
"""

from dataclasses import dataclass

from medplatform.modalities.genomics.header.definition import Count, Definition, Type


@dataclass(frozen=True, slots=True)
class Reserved:
    """A reserved key: its number, and the types it may have (the first is its own).

    Headers must give it one of the types. `is_checked` says that they must give it the number too:
    callers count the values of structural variants in ways of their own, which are read as they
    are.
    """

    number: int | Count
    types: tuple[Type, ...]
    is_checked: bool = True

    def definition(self, key: str) -> Definition:
        """For a file that has the key without defining it."""
        return Definition(key, self.number, self.types[0])


def _table(text: str, *, is_checked: bool = True) -> dict[str, Reserved]:
    """Rows of key, number, types."""
    table: dict[str, Reserved] = {}
    for line in text.split("\n"):
        key, number, *types = line.split()
        count: int | Count = int(number) if number.isdigit() else number  # pyright: ignore[reportAssignmentType]
        table[key] = Reserved(count, tuple(types), is_checked)  # pyright: ignore[reportArgumentType]
    return table


_INFO = _table("""AA 1 String
AC A Integer
AF A Float
AN 1 Integer
BQ 1 Float
CIGAR A String
DB 0 Flag
DP 1 Integer
END 1 Integer
H2 0 Flag
H3 0 Flag
MQ 1 Float Integer
MQ0 1 Integer
NS 1 Integer
SOMATIC 0 Flag
VALIDATED 0 Flag
1000G 0 Flag""")
_INFO_43 = _table("""AD R Integer
ADF R Integer
ADR R Integer""")
_STRUCTURAL = _table(
    """IMPRECISE 0 Flag
NOVEL 0 Flag
SVTYPE 1 String
SVLEN . Integer
CIPOS . Integer
CIEND . Integer
HOMLEN . Integer
HOMSEQ . String
BKPTID . String
MEINFO . String
METRANS . String
DGVID . String
DBVARID . String
DBRIPID . String
MATEID . String
PARID . String
EVENT . String
EVENTTYPE . String
CILEN . Integer
CN . Float Integer
CICN . Float Integer
SVCLAIM . String
RN . Integer
RUS . String
RUL . Integer
RUC . Float Integer
RB . Integer
CIRUC . Float Integer
CIRB . Integer""",
    is_checked=False,
)
_FORMAT = _table("""DP 1 Integer
FT 1 String
GL G Float
GQ 1 Integer
GT 1 String
HQ 2 Integer
MQ 1 Integer
PL G Integer
PQ 1 Integer
PS 1 Integer""")
_FORMAT_UNTIL_42 = _table("""EC A Integer
GLE G String
GP G Float""")
_FORMAT_43 = _table("""AD R Integer
ADF R Integer
ADR R Integer
EC A Integer
GP G Float
PP G Integer""")
_FORMAT_44 = _table("""PSL P String
PSO P Integer
PSQ P Integer""")
_FORMAT_45 = _table("""LAA . Integer
LAD LR Integer
LADF LR Integer
LADR LR Integer
LEC LA Integer
LEN 1 Integer
LGL LG Float
LGP LG Float
LPL LG Integer
LPP LG Integer""")
_COPY_NUMBER = _table(
    """CN 1 Float Integer
CNQ 1 Float
CNL G Float
CNP G Float
NQ 1 Integer
HAP 1 Integer
AHAP 1 Integer""",
    is_checked=False,
)


def reserved_info(key: str, version: int) -> Reserved | None:
    """What VCF 4.`version` reserves an INFO key for, None where it does not."""
    tables = [_INFO, _STRUCTURAL, *([_INFO_43] if version >= 3 else [])]
    return _find(key, tables)


def reserved_format(key: str, version: int) -> Reserved | None:
    """What VCF 4.`version` reserves a FORMAT key for, None where it does not."""
    tables = [_FORMAT, _FORMAT_43 if version >= 3 else _FORMAT_UNTIL_42]
    tables += [table for since, table in ((4, _FORMAT_44), (5, _FORMAT_45)) if version >= since]
    return _find(key, [*tables, _COPY_NUMBER])


def _find(key: str, tables: list[dict[str, Reserved]]) -> Reserved | None:
    return next((table[key] for table in tables if key in table), None)

"""The rules that a VCF record must satisfy, each with a stable code, its field and a reason."""

from typing import NamedTuple

import numpy as np


class Rule(NamedTuple):
    """What a record must satisfy: stable code, VCF field, and the reason when it does not."""

    code: str
    element: str | None
    reason: str


Masks = list[tuple[Rule, np.ndarray]]
"""Rules, each with a mask (bool, one per record) of the records that break it."""

TOO_FEW = Rule(
    "line.too_few_columns",
    None,
    "The line has fewer columns than the line #CHROM. It was cut or edited; export it again.",
)
TOO_MANY = Rule(
    "line.too_many_columns",
    None,
    "The line has more columns than the line #CHROM, so values cannot be given to samples. Export "
    "the file again.",
)
SPACES = Rule(
    "line.spaces",
    None,
    "The columns are separated by spaces. VCF wants tabs (section 1.6): export the file again.",
)
HEADER_IN_BODY = Rule(
    "line.header_in_body",
    None,
    "A header line stands among the records: two files were joined. Deliver them separately, or "
    "join them with bcftools concat.",
)
CUT = Rule(
    "line.truncated", None, "The file ends within this line. Transfer it again from the source."
)
ENCODING = Rule(
    "line.encoding", None, "The line is not UTF-8 (VCF 4.3, section 1.2). Convert the file."
)
CONTIG = Rule("contig.syntax", "CHROM", "CHROM is not a valid contig name. Correct it.")
POSITION = Rule(
    "position.not_an_integer", "POS", "POS is not an integer from 0 to 2147483647. Correct it."
)
BEYOND = Rule(
    "position.beyond_contig",
    "POS",
    "POS lies behind the end of the chromosome in the genome build of this file: the build is "
    "probably wrong. Check it, in the header and in delivery.json.",
)
REFERENCE = Rule(
    "reference.syntax",
    "REF",
    "REF is not a sequence of A, C, G, T and N. Reduce other IUPAC codes to the base that is first "
    "in the alphabet (section 1.6.1), or correct it.",
)
ALTERNATE = Rule(
    "alternate.syntax",
    "ALT",
    "ALT is not a list of bases, *, <symbolic> alleles or breakends. Correct it.",
)
REPEATED = Rule(
    "alternate.repeated",
    "ALT",
    "An alternate allele equals REF or another one. Remove it and renumber the genotypes.",
)
QUALITY = Rule("quality.not_a_number", "QUAL", "QUAL is not a number. Correct it or write '.'")
FILTER = Rule("filter.syntax", "FILTER", "FILTER is not a list of names separated by ';'.")
END = Rule("info.end_not_an_integer", "INFO/END", "END is not an integer. Correct or remove it.")
END_BEFORE = Rule(
    "info.end_before_position", "INFO/END", "END lies before POS. Correct or remove it."
)
ID = Rule(
    "id.syntax", "ID", "ID is not a list of ids separated by ';', or has a blank. Correct it."
)
FORMAT_SYNTAX = Rule(
    "format.syntax",
    "FORMAT",
    "FORMAT has an empty key, or one that is neither in the header nor of letters, digits, '.' "
    "and, from VCF 4.3 on, '_' (section 1.6.2). Correct the line or the header.",
)
FORMAT_REPEATED = Rule(
    "format.repeated_key", "FORMAT", "FORMAT has a key twice (section 1.6.2). Correct the line."
)
GT_NOT_FIRST = Rule(
    "format.gt_not_first", "FORMAT", "GT must be the first key of FORMAT (section 1.6.2)."
)
GT_MALFORMED = Rule(
    "genotype.malformed",
    "FORMAT/GT",
    "A genotype is not a list of at most 64 allele numbers or '.', separated by / or |. Correct "
    "it.",
)
GT_ALLELE = Rule(
    "genotype.unknown_allele",
    "FORMAT/GT",
    "A genotype names an allele that the line does not have. Correct GT or ALT.",
)
DUPLICATE = Rule(
    "record.duplicate",
    None,
    "An earlier line of the file has the same position and alleles. Leave one of them: bcftools "
    "norm --rm-dup exact",
)

UNDECLARED_CONTIG = Rule(
    "contig.undeclared",
    "CHROM",
    "From this line on, records are of contigs that the header does not define, though it defines "
    "others (section 1.4.7). They were read; add the lines ##contig.",
)
UNDECLARED_ALTERNATE = Rule(
    "alternate.undeclared",
    "ALT",
    "From this line on, symbolic alleles are not defined in the header (section 1.4.5). They were "
    "read; add the lines ##ALT.",
)
UNDECLARED_FILTER = Rule(
    "filter.undeclared",
    "FILTER",
    "From this line on, filters are not defined in the header (section 1.4.3), so it does not say "
    "what the records did not pass. They were read; add the lines ##FILTER.",
)
FILTER_CONTRADICTS = Rule(
    "filter.contradicts",
    "FILTER",
    "From this line on, FILTER has PASS beside other filters, though PASS says that a record "
    "passed them all (section 1.6.1). They were read as they are; ask who called the variants.",
)
ALLELE_REPEATED = Rule(
    "allele.repeated",
    "ALT",
    "An alternate allele is also that of an earlier line, in other words or beside other alleles. "
    "Both were read; split and normalise the file with bcftools norm to have it once.",
)
UNSORTED = Rule(
    "record.unsorted",
    "POS",
    "From this line on, records are not sorted by position (VCF specification, section 1.6.1). "
    "They were read; sort them with bcftools sort.",
)

META_PAIR = Rule(
    "header.not_a_pair",
    "##",
    "A header line is not ##key=value (VCF specification, section 1.4). Correct or remove it; the "
    "records were read.",
)
META_SYNTAX = Rule(
    "header.syntax",
    "##",
    "A header line is not ##key=<key=value,…> with texts in double quotes. Correct it; keys that "
    "it should define were read as undeclared ones.",
)
META_DEFINITION = Rule(
    "header.definition",
    "##",
    "A header line lacks a valid ID, Number or Type, or a Description in double quotes. Correct "
    "it; what could be read of it is used.",
)
META_ORDER = Rule(
    "header.order",
    "##",
    "A header line does not have ID, Number, Type and Description in this order, as VCF before 4.3 "
    "wants. It is used as it is.",
)
META_ID = Rule(
    "header.id",
    "##",
    "The ID of a header line, or a name in it, is not one that VCF allows. Rename it; what could "
    "be read of the line is used.",
)
META_RESERVED = Rule(
    "header.reserved",
    "##",
    "A header line gives a key that VCF reserves another Number or Type. Correct the header, or "
    "rename the key; values were read as the header says.",
)
META_URL = Rule("header.url", "##", "A header line does not hold a valid URL. Correct it.")
META_SAMPLE = Rule(
    "header.sample",
    "##",
    "A line ##SAMPLE lacks Genomes, or has quotes elsewhere than in its description (VCF before "
    "4.3). Correct or remove it; it is not used.",
)
META_REPEATED = Rule(
    "header.repeated",
    "##",
    "Another header line has the same key and ID, and that is used. Leave one of them.",
)
META_NOT_FIRST = Rule(
    "header.version_not_first",
    "##fileformat",
    "##fileformat is not the first line (VCF specification, section 1.4.1). Move it there.",
)
NO_HEADER_LINE = Rule(
    "header.foreign_line",
    "##",
    "A line before #CHROM does not begin with ##: a text was broken in two, or it does not belong "
    "here. Remove it; the records were read.",
)
FORMAT_ALONE = Rule(
    "header.format_alone",
    "#CHROM",
    "The line #CHROM has FORMAT but no sample behind it. Remove it, or export the samples too.",
)


class Fault(NamedTuple):
    """A line that breaks a rule; `row` is its index in the batch."""

    row: int
    rule: Rule

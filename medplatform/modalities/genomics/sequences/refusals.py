"""Why a sequence is refused or remarked on: fixed sentences, without any value of a record."""

REASONS: dict[str, str] = {
    "file.truncated": "The compressed file ends before its end; only whole records up to there "
    "were read. Transfer it again from the source and deliver it under a new name.",
    "file.corrupt": "The compressed file is damaged (a checksum does not fit), so none of it was "
    "read. Transfer it again from the source.",
    "file.line_too_long": "A line is longer than 256 MiB, so this is no set of sequences from "
    "there on. Export the file again.",
    "file.duplicate": "The delivery has another file of the same content, and that was read. "
    "Remove one.",
    "record.cut": "The file ends within this record. Transfer it again from the source.",
    "record.encoding": "The record is not UTF-8. Save the file as UTF-8.",
    "fasta.no_header": "Text stands before the first line that begins with '>', so it belongs to "
    "no sequence. Write a header above it.",
    "table.malformed": "The line has another number of cells than the first line, or a quoted cell "
    "that does not end in it. Write one record per line.",
    "sequence.empty": "The record has no bases. Leave it out.",
    "sequence.protein": "The record is a protein: it has letters that stand for amino acids only, "
    "or hardly any bases. Deliver the DNA.",
    "sequence.rna": "The record is RNA: it has U for T. Deliver the DNA.",
    "sequence.alphabet": "The record has characters that are no base and no code of IUPAC for "
    "several. Export it again.",
    "sequence.too_long": "The sequence is longer than 1,048,576 bases, so it is no example to "
    "train on but a chromosome. Cut it into windows; a reference genome belongs to the "
    "installation and not into a delivery.",
    "sequence.duplicate_name": "An earlier record of the file has the same name, so that its label "
    "is not certain. Give each sequence a name of its own.",
    "sequence.label_too_long": "The label, task or split is longer than 64 characters and is left "
    "empty: free text is no class.",
    "labels.unreadable": "labels.csv is not UTF-8, or its first line does not name the columns "
    "sequence_id and label, each once. It may name split and task. Correct it.",
    "labels.several": "The delivery has several files labels.csv. Put all rows into one.",
    "labels.too_many": "The file has more than 2,000,000 rows, and none was read. Divide the "
    "sequences among several deliveries, each with their labels.",
    "labels.malformed": "The row has no sequence_id or no label, another number of cells than the "
    "first, or more than 4,096 characters. Correct it.",
    "labels.ambiguous": "The sequence has another label in an earlier row, so it has none now. "
    "Leave one of them.",
    "labels.unknown_sequence": "No FASTA file of the delivery has the sequence of this row. Check "
    "the spelling.",
    "labels.conflict": "The header of the sequence says another label than labels.csv; that of "
    "labels.csv was taken.",
}

"""Call sets as callers write them, small ones of each sort, made up.

The columns of the records stand here with spaces for tabs.
"""

_CONTIGS = "##contig=<ID=chr1,length=248956422>\n##contig=<ID=chr2,length=242193529>"

JOINT = f"""\
##fileformat=VCFv4.2
##FILTER=<ID=LowQual,Description="Low quality">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Allelic depths">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Genotype quality">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Likelihoods">
##FORMAT=<ID=AB,Number=1,Type=Float,Description="Allele balance">
##FORMAT=<ID=FT,Number=1,Type=String,Description="Filter">
##INFO=<ID=AC,Number=A,Type=Integer,Description="Allele count">
##INFO=<ID=AF,Number=A,Type=Float,Description="Allele frequency">
##INFO=<ID=AN,Number=1,Type=Integer,Description="Alleles called">
##INFO=<ID=DB,Number=0,Type=Flag,Description="In dbSNP">
##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence. Format: Allele|IMPACT|SYMBOL|HGVSp">
{_CONTIGS}
#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT S1 S2 S3
chr1 1000 rs1 A G 50.5 PASS AC=2;AF=.3;DB;CSQ=G|X|A GT:AD:PL:AB 0/1:5,6:9,0,8:.4 0|1:3,4:6,0,7:. 0/0
chr1 1010 . AT A,ATT . LowQual AC=1,1;AF=.2,. GT:AD:GQ:PL 1/2:0,5,6:99:9,8,7,6,5,4 ./.:. 0/0
chr1 1020 rs2;x9 C T,* 1e3 . AC=1,1;CSQ=T|X|A|p.A1B,*||A| GT:GQ:FT 0|1:3:PASS 2|0:.:LowQual .|.:0:.
chr1 1030 . N . . PASS AN=0 GT ./. . 0
chr1 1040 . g a inf PASS . GT:DP 1:3 0/1/1:9 1|1
chr2 7 . ACGT A 12 PASS AC=3;AN=6 GT:AD:DP 0/1:5,6 1/1 .
chr2 9 . T C 12 PASS;LowQual AC=.;AN=. GT:PL 0/1:1,2,3 1/1:. ./1:0,.,4
"""

STRUCTURAL = f"""\
##fileformat=VCFv4.3
##ALT=<ID=DEL,Description="Deletion">
##INFO=<ID=END,Number=1,Type=Integer,Description="End">
##INFO=<ID=SVTYPE,Number=1,Type=String,Description="Type">
##INFO=<ID=SVLEN,Number=A,Type=Integer,Description="Length">
##INFO=<ID=CIPOS,Number=2,Type=Integer,Description="Confidence interval">
##INFO=<ID=MATEID,Number=1,Type=String,Description="Mate">
##INFO=<ID=IMPRECISE,Number=0,Type=Flag,Description="Imprecise">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=CN,Number=1,Type=Integer,Description="Copies">
{_CONTIGS}
#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT S1 S2
chr1 500 d1 T <DEL> 9 PASS SVTYPE=DEL;END=900;SVLEN=-400;CIPOS=-10,10;IMPRECISE GT:CN 0/1:1 0/0:2
chr1 500 d2 T <DEL> 9 PASS SVTYPE=DEL;END=950;SVLEN=-450 GT:CN 1/1:0 ./.:.
chr1 700 b1 G G]chr2:321] 6 PASS SVTYPE=BND;MATEID=b2 GT 0/1 0/1
chr1 800 . A <CN0>,<CN2>,<DUP:TANDEM> . . SVTYPE=CNV;END=1800;SVLEN=1000,1000,. GT:CN 1|2:2 3|0:3
chr2 321 b2 T ]chr1:700]T 6 PASS SVTYPE=BND;MATEID=b1 GT 0/1 0/1
chr2 0 . N .[chr1:700[ 6 PASS SVTYPE=BND GT 0/1 0/0
"""

BLOCKS = f"""\
##fileformat=VCFv4.2
##ALT=<ID=NON_REF,Description="Any other allele">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Genotype quality">
##FORMAT=<ID=MIN_DP,Number=1,Type=Integer,Description="Smallest depth">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Likelihoods">
##INFO=<ID=END,Number=1,Type=Integer,Description="End">
##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">
{_CONTIGS}
#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT S1
chr1 1 . N <NON_REF> . . END=500 GT:DP:GQ:MIN_DP:PL 0/0:0:0:0:0,0,0
chr1 501 . A <NON_REF> . . END=620 GT:DP:GQ:MIN_DP:PL 0/0:31:90:28:0,81,1215
chr1 621 rs5 A C,<NON_REF> 99.6 . DP=30 GT:DP:GQ:PL 0/1:30:99:120,0,130,150,160,300
chr1 622 . G <NON_REF> . . END=622 GT:DP:GQ:MIN_DP 0/0:30:60:30
chr2 1 . T <NON_REF> . . END=90 GT:DP:GQ:MIN_DP:PL ./.:2:0:1:0,0,45
"""

SITES = f"""\
##fileformat=VCFv4.1
##reference=GRCh38
##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">
##INFO=<ID=AF,Number=A,Type=Float,Description="Allele frequency">
##INFO=<ID=AD,Number=R,Type=Integer,Description="Depths">
##INFO=<ID=CLNSIG,Number=.,Type=String,Description="Clinical significance">
##INFO=<ID=H2,Number=0,Type=Flag,Description="HapMap2">
##INFO=<ID=STRAND,Number=1,Type=Character,Description="Strand">
{_CONTIGS}
#CHROM POS ID REF ALT QUAL FILTER INFO
chr1 100 rs7 A C 29 PASS DP=14;AF=0.5;H2;AD=7,7
chr1 200 . G A,T . q10 DP=11;AF=0.017,.;AD=3,.,8;CLNSIG=Benign,Likely_benign
chr1 300 . C CTG 67 PASS DP=10;STRAND=+
chr2 50 . T . 47 PASS .
chr2 60 . GTC G,GTCT 50 PASS DP=9;AF=.;UNDECLARED=3
"""


def _encode(text: str) -> bytes:
    lines = text.splitlines(keepends=True)
    return "".join(e if e.startswith("##") else e.replace(" ", "\t") for e in lines).encode()


CALL_SETS = tuple(_encode(text) for text in (JOINT, STRUCTURAL, BLOCKS, SITES))

"""Which free texts may stay: those that say nothing but terms of imaging.

A description such as "T1 AX FLAIR 5.0 mm" stays, "T1 AX Smith" goes as a whole: nothing is cut
out of a text, and nothing is guessed about a word that is not listed here.
"""

import re
from collections.abc import Iterable

from medplatform.modalities.imaging.terms import BODY_PARTS, MODALITIES, VIEWS

MAX_CHARACTERS = 64

_WORDS = """
    1st 2d 2nd 3d 3rd 4d abd abdo abdomen abdominal above accumulation acetabulum achilles
    acquisition activity acute adc additional additive adrenal adult aif air algorithm aligned all
    amygdala anatomic aneurysm angio angiography angle ankle anterior aorta aortic ap apical
    append appendix arm arterial arteries artery arthrogram artifact asl asymmetric at atelectasis
    atrium attenuated attenuation auto automatic average avg ax axial axillary axis b0 background
    basal baseline basilar bed below bi bilat bilateral biopsy biphasic bladder blade bold bolus
    bone bones both bowel brain brainstem breast breath breathhold breathing bronchi bronchus calc
    calcaneus calcium calculation calibration callosum calvarium cap carcinoma cardiac
    cardiomegaly care carotid caudal caudate cbf cbv cc center centre cerebellum cerebral cerebrum
    cervical cervix cest chamber chest chin cine ciss cisternogram classification clavicle cluster
    coccyx coil collar colon color colour combined complete composed composite compressed coned
    consolidation contrast conv cor cord corner coronal coronary corpus correct corrected
    correction cortex cortical counts cranial cranium cross csf cspine ct cta ctac ctdi ctp ctv
    cube curved cut cv cxr cyst cystic dataset daughter dce decay decubitus deep def default
    deformation delay delayed density dental derived dess dest detector device diagnostic
    diaphragm diaphysis diastole diastolic diffusion digital dir direct display distal distance
    distribution dixon dorsal dose dti dual dwi dynamic early echo edema eeg effusion elbow
    electron emission enh enhanced enhancement enhancing epi epiphysis equilibrium ergo error
    esophagus excretory exhale exp expiration expiratory ext extension external extremity eye eyes
    fa face facial fast fat fatsat fb fdg feature features femoral femur ff fgre fgret fiber
    fibula field fiesta film filter filtered finger fingers first fisp flair flash flex flexion
    flow fluoro fmri foot for forearm fov fraction fractional fracture frame frames free frontal
    fs fse full function functional fundus fused fusion gad gadolinium gallbladder gastric gated
    gating gd geometry gland gradient graph gre grid groin gtv haemorrhage hand haste hd head
    heart hemorrhage hepatic hepatobiliary hi high hip hippocampus hires histogram hr hrct humerus
    iac iliac ilium image images imaging in inf infarct inferior inflow infusion inhale inject
    injection inner inphase inspiration inspiratory insula int intensity internal intervention
    interventional intra intracranial intraoperative inv inversion ir irtse ischaemia ischemia iso
    isocenter isocentre isodose isotropic iv ivc ivim ivp jaw joint jugular kernel kidney kidneys
    kilovolt knee knees kub kv l label labels lad landmark large lat late lateral lava left leg
    legs lens lesion level line liver lobe lobes loc local localiser localizer location long low
    lower lpo lt lumbar lumbosacral lung lungs lut lymph lymphatic m ma mag magnitude mammo
    mammogram mammography mandible manual map mapping maps marker marrow mask mass mastoid matter
    max maxilla mean measurement measurements medial mediastinal mediastinum medic medium memp
    merge merged mesh metal metastases metastasis mid middle min minip mip mixed mlo moco modality
    model modified molli monitoring mono monoenergetic mp2rage mpr mprage mr mra mrcp mri mrs mrv
    ms mt mtt multi multiphase multiplanar muscle myelo myelogram myocardial myocardium nasal
    native ncct neck necrosis necrotic neg nephro nephrographic nerve neutral nipple no nodule
    nodules noise non noncontrast none normal normalised normalized nose not nuclear oar object
    obl oblique occipital oedema of off on opacity open opp opposed opposition optic oral orbit
    orbits organ original out outer outphase output ovary overlay overview pa pancreas pancreatic
    parallel parametric parasagittal parietal parotid part partial particle patella pc pca pd pdw
    peak pectoral pediatric pelvic pelvis penis perf perfusion peripheral perpendicular pet petct
    petmr phantom pharynx phase phased phases photon pilot pitch pituitary pl plain plan planar
    plane planes planning plaque plus pneumonia pneumothorax pons port portable portal portovenous
    pos positioning positron post postcontrast posterior pre precontrast presentation primary
    probability projection prone propeller prospective prostate protocol proton proximal psif ptv
    pulm pulmonary pulse putamen pwi qc quality quant quantitative r rad radial radiation
    radiograph radiography radius ramp range rao rate ratio raw rcbf rcbv rear reco recon
    reconstruction rect rectal rectum ref reference reformat reformatted region registered
    registration relative renal repeat report resampled research resolution resp respiratory rest
    restricted results retina retro retroperitoneum retrospective rib ribs right ring rl roi
    rotated rotation routine rpo rt run runoff sacral sacrum sag sagittal sample sat saturation sc
    scan scapula scout scrotum se sec secondary seg segment segmentation segmented sella
    semiautomatic senior sense seq sequence series set shape shared shoulder shoulders shunt si
    side signal single sinus sinuses skin skull slab slice slices slow smooth snap soft software
    source space spair spectroscopy spgr spin spinal spine spiral spleen spoiled spot ss ssfp
    ssfse sspine standard standing state static status std stenosis stent step stereo sternum stir
    stomach straight stress stroke structure structures study sub subset subtracted subtraction
    sup superior supine suppressed suppression surface surfaces surview susc susceptibility swan
    swi syringe systole systolic t t1 t1w t2 t2w target tast te temporal test testis tfe tfl
    thalamus thick thigh thin third thoracic thoracolumbar thorax three thrombus thumb thymus
    thyroid ti tibia time tips tir tissue toe toes tof tomo tomography tomosynthesis tone tongue
    topogram total tr tra trace tracer trachea tracking tractography trans transaxial transmission
    transversal transverse treatment triphasic trufi trufisp tse tspine ttp tumor tumour turbo
    twist two ulna ultrasound umbilical uncorrected under unenhanced uniform unknown unspecified
    unsubtracted upper upright uptake ureter urethra urogram urography us user uterus vagina value
    values vascular vein veins venogram venography venous ventral ventricle ventricles ventricular
    verse vertebra vertebrae vertebral vertex vessel vessels vibe view views virtual vista vol
    volume volumetric vp w waist warp wash water watersat waveform wb wbc weight weighted
    weighting white whole wholebody wide window wip with without wo wrist wrists x xr xray y year
    yes yrs z zoom
"""
_NAMES = frozenset({"ann", "art", "reg"})
WORDS = frozenset(_WORDS.split()) | (
    {term.lower() for term in BODY_PARTS | MODALITIES | VIEWS if len(term) > 1} - _NAMES
)

_SEPARATORS = re.compile(r"[\s_/+*,;:()\[\]<>=&#|^~-]+")
_TECHNICAL = re.compile(
    r"""
    [bhijtuqd][0-9]{2}[fsmh]?   # kernels, B31f
    | b[0-9]{0,3}0              # b values
    | t[12][a-z]?               # weightings
    | (te|ti|tr)[0-9]{1,3}
    | c[1-7] | l[1-5] | s[1-5]  # vertebrae
    """,
    re.VERBOSE,
)
_NUMBER = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3})?(mm|cm|ms|s|sec|min|kv|kev|ma|mgy|hz|t|x|%)?")
_LONG_NUMBER = re.compile(r"[0-9]{5}")
_STANDARD = re.compile(r"ISO_[0-9]{5}_[0-9]$")
_CODE_STRING = re.compile(r"[A-Za-z0-9_ ]{0,16}")


def is_term(text: str) -> bool:
    """Whether a text consists of words of imaging, with numbers of at most three digits between.

    Two numbers in a row could be a date or a number in groups, so they are no term.

    >>> is_term("t1_mprage_sag 1.0mm"), is_term("MRI of Jane Doe"), is_term("01 02 50")
    (True, False, False)
    """
    if len(text) > MAX_CHARACTERS:
        return False
    if text in BODY_PARTS:
        return True
    is_after_number = has_word = False
    for token in _SEPARATORS.split(text.lower()):
        word = token.strip(".")
        if not word:
            continue
        if word in WORDS or _TECHNICAL.fullmatch(word):
            is_after_number, has_word = False, True
        elif _NUMBER.fullmatch(word) and not is_after_number:
            is_after_number = True
        else:
            return False
    return has_word


def are_terms(texts: Iterable[str]) -> bool:
    """Whether all of several values are terms, or empty."""
    return all(not text.strip() or is_term(text) for text in texts)


def is_technical(text: str) -> bool:
    """Whether a short text is printable and spells out no longer number: names of makers, coils."""
    return len(text) <= MAX_CHARACTERS and text.isprintable() and not _LONG_NUMBER.search(text)


def is_code_string(text: str) -> bool:
    """Whether a value can be a defined term of VR CS (PS3.5 6.2) and no number of somebody."""
    is_long = _LONG_NUMBER.search(text) and not _STANDARD.match(text)
    return bool(_CODE_STRING.fullmatch(text)) and not is_long

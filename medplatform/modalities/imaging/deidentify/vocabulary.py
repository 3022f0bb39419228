"""Which free texts may stay: those that say nothing but terms of imaging.

A description such as "T1 AX FLAIR 5.0 mm" stays, "T1 AX Smith" goes as a whole: nothing is cut
out of a text, and nothing is guessed about a word that is not listed here.
"""

import re
from collections.abc import Iterable

from medplatform.modalities.imaging.terms import BODY_PARTS, MODALITIES, VIEWS

MAX_CHARACTERS = 64

_WORDS = """
    1st 2d 2nd 3d 3dt1 3dt2 3rd 4d abd abdo abdomen abdominal above accumulation acetabulum
    achilles acquisition acromioclavicular activity acute adc additional additive adrenal adult
    aif air algorithm aligned all amygdala anatomic and aneurysm angio angiography angle ankle
    anterior aorta aortic ap ap1 apical apparent append appendix arm arterial arterie arteries
    artery arthrogram artifact asl asset asymmetric at atelectasis atrium attenuated attenuation
    auto automatic average avg ax axial axillary axis b0 background basal baseline basilar becken
    bed below bh bi bilat bilateral biopsy biphase biphasic bladder blade body bold bolus bone
    bones bonescan both bowel brain brainstem breast breath breathhold breathing bronchi bronchus
    bw bws calb calc calcaneus calcium calculation calibration callosum calvarium cap carcinoma
    cardiac cardiomegaly care carotid carotids caudal caudate cbf cbv cc center centre cerebellum
    cerebral cerebrum cervical cervix cest chamber chest chin cine ciss cisternogram
    classification clavicle clinical cluster cm coccyx coefficient coil colfa collar colon
    colonography colonoscopy color colour combined comp complete composed composite compressed
    coned consolidation cont contrast control conv cor cord corner coronal coronary corpus correct
    corrected correction cortex cortical counts cranial cranium cross csf cspine ct cta cta1 ctac
    ctdi ctp ctv cube curved cut cv cxr cyst cystic dataset daughter day days dce decay decubitus
    deep def default deformation deg degree degrees delay delayed denoised density dental derived
    dess dest detector device diagnostic diaphragm diaphysis diastole diastolic diff diffusion
    digital dir direct display distal distance distribution dixon dl dorsal dose dti dual dvt dwi
    dynamic early echo echocardiogram echocardiography edema eeg effusion elbow electron emission
    enh enhanced enhancement enhancing eos ep ep2d epi epiphysis equilibrium ergo error esophagus
    excretory exhale exp expiration expiratory ext extension external extremity eye eyes fa face
    facial fast fat fatsat fatsup fb fdg feature features femoral femur ff fgre fgret fiber fibula
    fid field fiesta film filter filtered finger fingers first fisp fl2d fl3d flair flash flex
    flexion flow fluoro fmri follow followup foot for forearm fov fraction fractional fracture
    frame frames free from frontal fs fse fsp full function functional fundus fused fusion gad
    gadolinium gallbladder gastric gated gating gd ge geometry gland gradient graph gre grid groin
    gtv haemorrhage hand haste hd head heart helical hemorrhage hepatic hepatobiliary hi high hip
    hippocampus hires histogram hour hours hr hrct humerus hws hz iac iliac ilium image images
    imaging implant implants in inf infarct inferior inflow infusion inhale inject injection inner
    inphase inspiration inspiratory insula int intensity internal intervention interventional
    intra intracranial intraoperative inv inversion ir irtse ischaemia ischemia iso isocenter
    isocentre isodose isotropic iv ivc ivim ivp jaw joint jugular kernel kev kidney kidneys
    kilovolt knee knees knie kopf kub kv kvp l label labels lad landmark large lat late lateral
    lava leber left leg legs lens lesion level line liver lobe lobes loc loc3d local localiser
    localizer location long low lower lpo lt lumbar lumbosacral lung lungs lut lws lymph lymphatic
    m ma mag magnitude mammo mammogram mammography mandible manual map mapping maps marker marrow
    mas mask mass mastoid matter max maxilla mean measurement measurements medial mediastinal
    mediastinum medic medium memp merge merged mesh metal metastases metastasis mgy mid middle min
    minip minutes mip mixed mlo mm moco modality model modified molli monitoring mono
    monoenergetic month months mp2rage mpr mprage mr mra mrcp mri mrs mrv ms mt mtt multi
    multiframe multiphase multiplanar multislice muscle myelo myelogram myocardial myocardium
    nasal native ncct neck necrosis necrotic neg nephro nephrographic nerve neutral nipple no
    nodule nodules noise non noncontrast none nonfs normal normalised normalized nose not ns
    nuclear oar object obl oblique occipital oedema of off on opacity open opp opposed opposition
    opt optic optimization optimized oral orbit orbits organ original out outer outphase output
    ovary overlay overview pa pace pancreas pancreatic parallel parametric parasagittal parietal
    parotid part partial particle patella pc pca pd pdw pe peak pectoral pediatric pelvic pelvis
    penis perf perfusion peripheral perpendicular pet petct petmr phantom pharynx phase phased
    phasemap phases photon pilot pitch pituitary pl plain plan planar plane planes planning plaque
    plus pneumonia pneumothorax polytrauma pons port portable portal portalvenous portovenous pos
    positioning positron post postcontrast posterior postop posttreatment pre precontrast preop
    presentation pretreatment primary probability projected projection prone propeller prospective
    prostate protocol proton proximal psif ptv pulm pulmonary pulmonaryembolism pulse putamen pv
    pwi qc quality quant quantitative r rad radial radiation radiograph radiography radius ramp
    range rao rate ratio raw rcbf rcbv rear reco recon reconstruction rect rectal rectum ref
    reference reformat reformatted region registered registration relative renal repeat report
    resampled research resolution resp respiratory rest resting restricted results retina retro
    retroperitoneum retrospective rib ribs right ring rl roi rotated rotation routine rpo rt run
    runoff s sacral sacroiliac sacrum sag sagittal sample sat saturation sc scan scapula
    scintigraphy scout screening scrotum se se2d sec secondary seconds seg segment segmentation
    segmented sella semiautomatic senior sense seq sequence series set shape shared shoulder
    shoulders shunt si side signal single sinus sinuses skeletal skeleton skin skull slab slabs
    slice slices slow smooth smoothed sms snap soft software source space spair spect spectroscopy
    spgr spin spinal spine spiral spleen spoiled spot ss ssfp ssfse sspine stack stacks standard
    standing state static status std stenosis stent step stereo sternoclavicular sternum stir stk
    stnd stomach straight stress stroke structure structures study sub subset subtracted
    subtraction sup superior supine suppressed suppression surface surfaces survey surview susc
    susceptibility swan swi syringe systole systolic t t1 t1w t2 t2w target tast te temporal
    temporomandibular tensor tesla test testis tfe tfl thalamus the thick thigh thin third
    thoracic thoraco thoracolumbar thorax three thrombosis thrombus thumb thymus thyroid ti tibia
    time tips tir tissue toe toes tof tomo tomography tomosynthesis tone tongue topogram total tr
    tra trace tracer trachea tracking tractography trans transaxial transesophageal transmission
    transthoracic transversal transverse trauma treatment triphasic trufi trufisp trw tse tse3d
    tspine ttp tumor tumour turbo twist two ulna ultrasound umbilical uncorrected under unenhanced
    uniform unknown unspecified unsubtracted upper upright uptake ureter urethra urogram urography
    us user uterus vagina value values vascular vein veins venogram venography venous ventral
    ventricle ventricles ventricular verse vertebra vertebrae vertebral vertex vessel vessels vibe
    view views virtual vista vol volume volumetric vp w waist warp wash water watersat waveform wb
    wbc week weeks weight weighted weighting white whole wholebody wide window wip with without wo
    wofs wrist wrists x xr xray y year yes yrs z zoom
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
_LONG_NUMBER = re.compile(r"\d(?:[-./\s]*\d){4}")
_DATE = re.compile(r"\d{1,4}([/-])\d{1,2}\1\d{1,4}")
_MONTH = (
    r"\b(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b"
)
_SPELT_DATE = re.compile(
    rf"{_MONTH}\W{{0,3}}\d|\d\W{{0,3}}{_MONTH}|\b(?:mon|tue|wed|thu|fri|sat|sun)(?:[a-z]*day)?\b.*\d",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"@|://|\bwww\.", re.IGNORECASE)


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
    """Whether a short text may be the name of a maker, a coil or the like.

    It is printable, and holds neither a date, nor the `^` of a name, nor an address of the
    internet, nor five digits in a row, in groups or not.

    >>> is_technical("LOGIQ 700"), is_technical("MRN 1234-567"), is_technical("4/5/61")
    (True, False, False)
    >>> is_technical("jane@hospital.org"), is_technical("Thu Apr 19 2018")
    (False, False)
    """
    if len(text) > MAX_CHARACTERS or not text.isprintable() or "^" in text:
        return False
    identifying = (_LONG_NUMBER, _DATE, _SPELT_DATE, _ADDRESS)
    return not any(pattern.search(text) for pattern in identifying)

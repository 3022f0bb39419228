"""Names and types of regions of interest that are public; all others are free text.

Names are those of AAPM TG-263 (Mayo et al., Int J Radiat Oncol Biol Phys 2018; 100: 1057-1066):
primary names of organs with their side, and targets by its rules. A region that is called
otherwise keeps its type and its code alone.
"""

import re


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TYPES = _names(
    """
    EXTERNAL PTV CTV GTV TREATED_VOLUME IRRAD_VOLUME OAR BOLUS AVOIDANCE ORGAN MARKER REGISTRATION
    ISOCENTER CONTRAST_AGENT CAVITY BRACHY_CHANNEL BRACHY_ACCESSORY BRACHY_SRC_APP
    BRACHY_CHNL_SHLD SUPPORT FIXATION DOSE_REGION CONTROL DOSE_MEASUREMENT DEVICE
    """
)
"""RT ROI Interpreted Type (3006,00A4), PS3.3 C.8.8.8.1."""

_ORGANS = _names(
    """
    A_Aorta A_Aorta_Asc A_Carotid A_Celiac A_Coronary A_Hypophyseal A_LAD A_Pulmonary Acetabulum
    Anus AnalCanal Appendix Areola Arytenoid Atrium Axilla Bag_Bowel Bag_Ostomy BileDuct_Common
    Bladder BladderWall Body Bone BoneMarrow Bone_Hyoid Bone_Ilium Bone_Incus Bone_Ischium
    Bone_Mandible Bone_Pelvic Bone_Sacrum Bone_Sphenoid Bone_Temporal Bowel Bowel_Large Bowel_Small
    BrachialPlex Brain Brainstem Brainstem_Core Brainstem_Surf Breast Breasts Bronchus Carina
    Cartlg_Thyroid CaudaEquina Cavity_Nasal Cavity_Oral Cerebellum Cerebrum CervicalEsophagus
    Chestwall Cist_Pontine Clavicle CN_II CN_VII CN_VIII Cochlea Colon Colon_Ascending
    Colon_Decending Colon_Sigmoid Colon_Transverse Cornea CribriformPlate Cricoid Cricopharyngeus
    Cyst DCIS Diaphragm Duodenum Ear_External Ear_Internal Ear_Middle Elbow Esophagus Esophagus_S
    External Eye Eyes Femur Femur_Head Femur_Neck Femur_Shaft Fibula Foramen_Magnum Foot
    GallBladder Genitals Glnd_Adrenal Glnd_Lacrimal Glnd_Parathyroid Glnd_Pituitary Glnd_Pineal
    Glnd_Sublingual Glnd_Submand Glnd_Thymus Glnd_Thyroid Glottis GreatVes GrowthPlate Hand Heart
    Hippocampi Hippocampus Humerus Hypothalmus Ileum Jejunum Jejunum_Ileum Joint_Elbow
    Joint_Glenohum Joint_Surface Joint_TM Kidney Kidney_Cortex Kidney_Pelvis Kidneys Knee Larynx
    Larynx_SG Laryngl_Pharynx Lens Lips Liver Lobe_Frontal Lobe_Occipital Lobe_Parietal
    Lobe_Temporal Lung Lungs Markers Mediastinum Musc Musc_Constrict Musc_Constrict_I
    Musc_Constrict_M Musc_Constrict_S Musc_Masseter Nasopharynx Nipple Nodule Nose
    Nrv_Brachial Nrv_Femoral Nrv_Optic Nrv_Sciatic OpticChiasm Orbit Oropharynx Ovaries Ovary
    Palate_Soft Pancreas Pancreas_Head Pancreas_Tail Parametrium Parotid Parotids Pelvis
    PenileBulb Penis Perineum Pericardium Peritoneum Pharynx Pituitary Pons Prostate ProstateBed
    Proc_Condyloid Proc_Coronoid Pubis Rectal Rectum RectumWall Retina Retinas Rib Ribs Sacrum
    Scalp Scapula Sclera Scrotum SeminalVes Shoulder Sinus_Ethmoid Sinus_Frontal Sinus_Maxilry
    Sinus_Sphenoid Skin Skull SpinalCanal SpinalCord SpinalCord_PRV Spleen Spongiosum Sternum
    Stomach StomachWall Strct Submandibular Subsegmental SupraG_Larynx Testes Testis Thalami
    Thalamus ThecalSac Thyroid Tibia Tongue Tongue_All Tongue_Base Tongue_Oral Tonsil Tonsils
    Trachea TumorBed Ureter Urethra Urethra_Prostatc Uterus UteroCervix Uvula V_Azygos
    V_Brachioceph V_CavaInferior V_CavaSuperior V_Jugular V_Portal V_Pulmonary Vagina ValveAortic
    ValveMitral ValvePulmonic ValveTricuspid VB VB_C VB_L VB_S VB_T Ventricle VocalCord VocalCords
    Vomer Vulva
    """
)
_ORGAN_NAME = re.compile(r"([A-Za-z_]+?)(_[LRABIMSPX]|_[LR][LMU])?(_PRV[0-9]{0,2}|-[CPG]TV)?")
_TARGET_NAME = re.compile(
    r"[Zz]?(GTV|CTV|ITV|IGTV|ICTV|PTV)[npvb]?[0-9]{0,2}"
    r"(_(High|Low|Mid|Mid0[0-9]|[0-9]{3,5}(x[0-9]{1,2})?))?"
)
_VERTEBRA = re.compile(r"VB_(C[1-7]|T(1[0-2]|[1-9]|0[1-9])|L[1-5]|S[1-5])")


def public_type(term: str | None) -> str | None:
    """An RT ROI Interpreted Type of the standard, None for any other."""
    found = (term or "").upper()
    return found if found in _TYPES else None


def public_name(name: str | None) -> str | None:
    """A name of TG-263, None for any other.

    >>> public_name("Lung_L"), public_name("PTVn_5040"), public_name("liver of Jane Doe")
    ('Lung_L', 'PTVn_5040', None)
    """
    text = name or ""
    if text in _ORGANS or _TARGET_NAME.fullmatch(text) or _VERTEBRA.fullmatch(text):
        return text
    organ = _ORGAN_NAME.fullmatch(text)
    return text if organ and organ[1] in _ORGANS else None

"""Why an image is refused or remarked on: stable codes, each with its reason and remedy.

Reasons are fixed sentences, so no value of a record can reach them.
"""

REASONS: dict[str, str] = {
    "file.truncated": "The archive or compressed file ends early; what stands before the break was "
    "read. Deliver the whole file again.",
    "file.corrupt": "The archive, the file in it or the compressed data are damaged; what stands "
    "before the damage was read. Deliver the file again.",
    "file.too_large": "The file is larger when unpacked than what is unpacked at once: 2 GiB, 8 "
    "GiB for an archive, 256 GiB for all files of an archive. Deliver it in parts.",
    "file.too_many": "The archive holds more files than are read of one; the first of them were "
    "read. Deliver it in parts.",
    "file.bomb": "The file in the archive shares its data with others, or it or the archive grows "
    "more than a thousandfold when unpacked, so it was not read. Deliver the file itself.",
    "file.encrypted": "The file in the archive is encrypted. Pack it without a password.",
    "file.compression": "The archive is of a format, or the file in it compressed in a way, that "
    "is not known here. Pack it as zip with deflate, or as tar.",
    "file.nested": "Archives lie within archives more than three deep. Deliver the innermost ones.",
    "file.special": "The member of the archive is a link, a device or a file with holes. Pack the "
    "file itself.",
    "file.unsafe_name": "The name of the file in the archive leads out of the archive. Pack it "
    "with relative names.",
    "dicomdir.unreadable": "The file is named as a DICOMDIR but cannot be read as one; the files "
    "of the delivery are read all the same. Export the medium again if it should have one.",
    "dicomdir.missing_file": "The DICOMDIR names a file that the delivery does not hold, neither "
    "by its name nor by its UID. Deliver it, unless it was left out on purpose.",
    "dicom.not_dicom": "The file is neither DICOM (PS3.10) nor PNG, JPEG or NIfTI. Remove it from "
    "the delivery, or convert it to one of these.",
    "dicom.unreadable": "The file is damaged: its data elements cannot be read to the end, or name "
    "two objects. Export it again from its source.",
    "dicom.no_sop_instance_uid": "The object has no SOP Instance UID (0008,0018), so it cannot be "
    "told from others. Export it again from its source.",
    "dicom.too_large": "The file or its pixels exceed the size that is read at once. Split the "
    "object, or have it checked for forged dimensions.",
    "dicom.crashed": "The decoder ended abnormally while reading the file, as it does on forged "
    "or damaged content. Export the file again from its source.",
    "dicom.timeout": "Reading the file took longer than a file may take. Have it checked for "
    "forged content, or split the object.",
    "dicom.bad_value": "The element does not hold a value of its type and is left empty.",
    "dicom.unknown_term": "The element holds no term that the standard defines and is left empty.",
    "dicom.no_transfer_syntax": "The file does not name its transfer syntax; its pixels are read "
    "in the encoding of the data set.",
    "pixels.may_show_text": "The image is of a kind that shows names and dates in its pixels, and "
    "it is not known where. Deliver it cleaned, with Burned In Annotation (0028,0301) NO, or "
    "declare its modality clean in MEDPLATFORM_IMAGING_POLICY (docs/dicom-deidentification.md).",
    "pixels.may_show_face": "A face may be made of the image, which the policy refuses. Deliver it "
    "defaced, or allow recognizable_features in MEDPLATFORM_IMAGING_POLICY.",
    "pixels.undecodable": "The pixel data cannot be decoded. Export the object again, best "
    "uncompressed or in JPEG 2000.",
    "pixels.no_decoder": "The pixel data is in a transfer syntax that no decoder reads, such as a "
    "video or a private one. Export the object again, best uncompressed or in JPEG 2000.",
    "pixels.other_size": "A compressed frame has another number of rows or columns than the object "
    "says, as in forged files and in tiles that were cut. Export the object again.",
    "pixels.undescribed": "The object holds pixels but does not say how they are laid out. Export "
    "it again.",
    "pixels.assumed": "The object does not say how its pixels are laid out in this respect; they "
    "are read as the standard has it for the simplest case.",
    "pixels.missing": "The object is an image, but its file ends before the pixels or has none. "
    "Export it again.",
    "pixels.truncated": "The pixel data ends before the last frame. Export the object again.",
    "picture.animated": "The picture is an animation. Deliver each of its pictures as a file of "
    "its own.",
    "picture.unreadable": "The picture cannot be decoded. Export it again as PNG or JPEG.",
    "nifti.unreadable": "The file is not a NIfTI-1 or NIfTI-2 file, or damaged. Export it again.",
    "nifti.truncated": "The file ends before its last voxel. Export it again.",
    "nifti.pair": "The header says that the voxels are in a file of their own (.hdr and .img). "
    "Deliver both as one .nii file.",
    "nifti.no_voxels": "The header describes no image: it has fewer than two axes, or an empty "
    "one. Export the file again.",
    "nifti.unsupported_type": "The voxels are complex numbers, or of more than 64 bits. Deliver "
    "magnitude and phase as files of their own, or 64-bit numbers.",
    "nifti.no_geometry": "The file says neither by sform nor by qform where its voxels lie. They "
    "are kept without position and orientation.",
    "nifti.two_geometries": "sform and qform of the file say different places. The sform was "
    "taken.",
    "nifti.sheared": "The axes of the voxels do not stand at right angles, so the slices do not "
    "lie one above the other.",
    "mask.not_labels": "The values of a label map number nothing: some are negative, no whole "
    "numbers or colours, or there are more than 1,024 of them. Deliver whole numbers, 0 for the "
    "background.",
    "mask.other_place": "The mask lies elsewhere than its image: their affines differ. Resample "
    "the mask onto the image.",
    "mask.first_volume": "The image has several volumes and the mask one; it is kept as one of "
    "the first volume.",
    "mask.no_image": "No accepted image of the delivery has the stem of this mask. Deliver the "
    "image beside it, in images/ or in the folder that holds masks/.",
    "mask.ambiguous_image": "Several images of the delivery have the stem of this mask. Give each "
    "image a stem of its own.",
    "mask.ambiguous": "Several masks of the delivery have the same stem. Deliver one per image.",
    "mask.other_size": "The mask has another height or width than its image. Deliver it in the "
    "size of the image.",
    "mask.lossy": "A mask stored with loss does not have exact edges. Deliver masks as PNG.",
    "mask.no_place": "A frame of the segmentation says neither which image it was drawn on nor "
    "where it lies. Its mask is kept without a place.",
    "mask.no_segment_number": "A frame of the segmentation does not say which segment it shows. "
    "Its mask is kept under number 0.",
    "mask.undescribed_segment": "The segment of a mask is not described in the Segment Sequence "
    "(0062,0002), so its meaning is left empty.",
    "annotation.private_code": "A concept or unit is coded in a private scheme, which is free text "
    "of its maker, and is left empty.",
    "annotation.point_count": "A contour has another number of points than it declares; those that "
    "it has are kept.",
    "label.unreadable": "The label table is not a UTF-8 CSV file with the columns that "
    "delivery.json names. Correct label_file_column and label_patient_column, or the table.",
    "label.no_table": "delivery.json names a label table that the delivery does not hold. Add the "
    "file, or correct `labels` in delivery.json.",
    "label.malformed": "The row has not one cell for each column. Write one row per line.",
    "label.bad_box": "The box of a row is incomplete, is no number, or has no area. Correct the "
    "row, or label_box_columns and label_box_form in delivery.json.",
    "label.box_outside": "The box of a row has no pixel of its image. Correct the row: boxes are "
    "in pixels, from the upper left corner.",
    "label.box_beyond": "A part of the box of a row lies beyond the edge of its image; the box is "
    "kept as it is.",
    "label.no_image": "The row names no image of the delivery that was accepted. Deliver the "
    "image, or remove the row.",
    "label.ambiguous": "Several images of the delivery have this stem, and the label table does "
    "not tell them apart. Name the files with their folders in it.",
    "label.too_long": "The label is longer than 64 characters and is left empty: free text is not "
    "a class.",
    "subject.missing": "Nothing says who the image is of. Add a label table with a patient column "
    "(`labels`, `label_file_column` and `label_patient_column` in delivery.json), or declare "
    '`"subjects": "per_record"` in delivery.json where each image is a person of its own.',
    "record.duplicate": "The delivery holds the same record with the same content more than "
    "once; one of them was read.",
    "record.conflict": "The delivery holds the same record with different contents, and neither "
    "was read. Find out which is right and deliver only that.",
}

HELD_BY_OTHER_DELIVERY = (
    "An earlier delivery holds this SOP Instance UID with other pixels or in another series. Its "
    "image stays: the row of imaging_instance with this record_id. If this one is right, take the "
    "file out of that delivery and read it again (--again), or remove that delivery "
    "(docs/deliveries.md); then read this one again (--again)."
)
"""The reason of `record.conflict` between deliveries."""

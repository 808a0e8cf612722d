"""`hilum serve`: the archive, the DICOM node, DICOMweb, the jobs and the page of a department."""

"""Files in and out: DICOM, pictures, archives, CT, and the DICOM and FHIR objects Hilum writes."""

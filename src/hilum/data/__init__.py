"""One file per data set; each returns a Cohort."""

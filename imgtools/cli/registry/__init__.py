"""Read and change the registry of a Windows guest."""

SECTION = "Read files of a guest"

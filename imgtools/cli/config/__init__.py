"""Read and set values of the guest's configuration files, through Augeas."""

"""Floor 1: libvirt's domains: whose disks are cloned, and the definitions of the clones."""

"""How a Linux guest boots: boot loaders, their menus, kernels and their arguments."""

"""Volume groups and logical volumes of LVM.

Create, extend, reduce and remove them; planned without a boot, carried out by LVM in the appliance.
"""

SECTION = "Look after images"

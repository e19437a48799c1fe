# What lies on the disks that the kernel has found is assembled: at the start (quick_init.sh), and when disks were
# plugged in (shared.py). RAID, LVM and dynamic disks are looked for only where udev has seen members of them.
# For bash and dash.
for file in /sys/block/sd*/device/timeout; do
  if [ -e "$file" ]; then echo 300 > "$file"; fi
done

seen() {  # whether udev's database says this of some block device
  for file in /run/udev/data/b*; do
    [ -e "$file" ] || continue
    while read -r line; do
      case $line in $1) return 0 ;; esac
    done < "$file"
  done
  return 1
}

arrays=
if seen 'E:ID_FS_TYPE=*_raid_member'; then
  mdadm -As --auto=yes --no-degraded
  udevadm settle --timeout=600
  arrays=1
fi
if seen 'E:ID_FS_TYPE=LVM?_member'; then lvm pvscan --cache --activate ay; fi
if [ "$arrays" ]; then mdadm -As --auto=yes --run; fi
# Partitions of Windows' dynamic disks: on MBR, and the metadata on GPT.
if seen 'E:ID_PART_ENTRY_TYPE=0x42' || seen 'E:ID_PART_ENTRY_TYPE=5808c8aa-7e8f-42e0-85d2-e1e90434cfb3'; then
  ldmtool create all
fi

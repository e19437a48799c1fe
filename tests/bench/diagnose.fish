# What `imgtools diagnose` reads of a Debian guest, in a session of guestfish -i.
blockdev-getsz /dev/sda
part-get-parttype /dev/sda
vgs-full
lvs-full
cat /boot/grub/grub.cfg
hexdump /boot/grub/grubenv
checksum md5 /boot/grub/i386-pc/core.img
checksum md5 /vmlinuz
checksum md5 /initrd.img
statvfs /
vfs-type /dev/vg0/root
cat /etc/fstab
cat /etc/passwd
cat /etc/shadow
cat /etc/group
cat /etc/sudoers
cat /etc/ssh/sshd_config
cat /var/lib/dpkg/status
ls /etc/pam.d
ls /lib/systemd/system
ls /etc/systemd/system
ll /etc/ssh
is-file /sbin/init

#!/bin/bash
# Runs one shell or command for `imgtools rescue` in the appliance, tells how it ended, and cleans up behind it.
# What it is to do is in /run/imgtools/order, as shell variables: interactive, rows, columns, mark, writable.
# /run/imgtools/command is what runs; /run/imgtools/mounts has what was mounted before the guest was.
here=/run/imgtools
. $here/order
exec 3<>/dev/virtio-ports/imgtools.status
cd /

fields() { read -r line < "/proc/$1/stat" 2>/dev/null || return 1; line=${line##*) }; set -- $line; session=$4; }

before=" "
for process in /proc/[0-9]*; do before+="${process#/proc/} "; done

end_rest() {  # what was started meanwhile, and does not belong to this script
  for process in /proc/[0-9]*; do
    pid=${process#/proc/}
    [[ $before == *" $pid "* ]] || ! fields "$pid" || [ "$session" = $$ ] || kill -9 "$pid" 2>/dev/null
  done
}

known=$'\n'$(<$here/mounts)$'\n'
mounted() {  # what is mounted since the appliance has started, the last first; as the kernel writes it
  tac /proc/mounts | while read -r device place rest; do
    [[ $known == *$'\n'"$device $place $rest"$'\n'* ]] || printf '%s\n' "$place"
  done
}

unmount_all() {
  swapoff -a 2>/dev/null
  sync
  mounted > $here/left
  while read -r place; do umount "$(printf %b "$place")" 2>/dev/null; done < $here/left
  losetup -D 2>/dev/null
  mounted > $here/left
}

# Which filesystems are the same mounts as before: their folders in sysfs are made when they are mounted.
mount_marks() {
  stat -c '%n %i' /sys/fs/ext4/*/uevent /sys/fs/ext4/*/session_write_kbytes /sys/fs/xfs/*/log /sys/fs/btrfs/*-*-*/label 2>/dev/null
  for process in /proc/[0-9]*; do
    read -r name < "$process/comm" 2>/dev/null
    case $name in mount.ntfs*|ntfs-3g*) printf '%s ' "$name" "$process"; tr '\0' ' ' < "$process/cmdline"; echo ;; esac
  done
}

[ -z "$writable" ] || mount_marks > $here/marks
if [ "$interactive" ]; then
  stty -F /dev/hvc0 sane iutf8 rows "$rows" cols "$columns"
  while read -r word rows columns; do
    [ "$word" != size ] || stty -F /dev/hvc0 rows "$rows" cols "$columns"
  done <&3 &
  sizes=$!
  setsid -c -w $here/command </dev/hvc0 >/dev/hvc0 2>&1
  code=$?
  kill $sizes
else
  mkfifo $here/out $here/err
  for name in out err; do
    { cat $here/$name; printf %s "$mark"; } > /dev/virtio-ports/imgtools.$name &
  done
  setsid -w $here/command </dev/null >$here/out 2>$here/err
  code=$?
fi
end_rest
if [ -z "$writable" ]; then  # all of it is thrown away
  wait
  echo "exit $code" >&3
  exit
fi
mount_marks | cmp -s - $here/marks || echo "remounted" >&3
wait
unmount_all
[ ! -s $here/left ] || { end_rest; sleep 1; unmount_all; }
while read -r place; do echo "busy $place" >&3; done < $here/left
sync
echo "exit $code" >&3

#!/bin/bash
# `porchlight service` under a real systemd user manager with a journal, in namespaces of its own, so that it touches nothing of the
# machine's. Needs root on Linux, util-linux and systemd (not as process 1). Prints what happened; about a minute.
#   bash test/campaign/service.sh
set -u
if [ "${1:-}" != inside ]; then
  cd "$(dirname "$0")/../.." || exit 1
  work=$(mktemp -d)
  unshare --mount --pid --net --fork --kill-child bash "$0" inside "$PWD" "$work"
  code=$?
  rm -rf "$work"
  exit $code
fi

cd "$2" || exit 1
export HOME=$3/home XDG_RUNTIME_DIR=/run/user/0 PATH=$2/node_modules/.bin:$PATH
unset XDG_CONFIG_HOME
mount -t tmpfs tmpfs /run
mount -t proc proc /proc
mkdir -p /run/systemd/system /run/systemd/journal /run/log/journal /run/dbus "$XDG_RUNTIME_DIR" "$HOME"
chmod 700 "$XDG_RUNTIME_DIR"
ip link set lo up
/lib/systemd/systemd-journald > /dev/null 2>&1 &
sleep 1
failed=0

manager() {
  /lib/systemd/systemd --user > /dev/null 2>&1 &
  manager=$!
  for _ in $(seq 50); do systemctl --user is-system-running > /dev/null 2>&1 && break; sleep 0.2; done
}
porchlight() { node node-agent/cli.ts "$@" --data "$HOME/data" 2>&1; }
show() { systemctl --user show porchlight.service --property "$1" --value; }
up() { for _ in $(seq 200); do curl -sf http://localhost:8787/healthz > /dev/null && return 0; sleep 0.3; done; return 1; }
check() { if eval "$2"; then echo "ok    $1"; else echo "FAIL  $1"; failed=1; fi; }

manager
check "is not there at first" '! porchlight service status > /dev/null'
check "is installed" 'porchlight service install > /dev/null'
check "is a unit that systemd understands" 'systemd-analyze --user verify "$HOME/.config/systemd/user/porchlight.service"'
check "answers" 'up'
check "says that it runs" 'porchlight service status | grep -q "runs"'
check "is installed again over itself, and answers" 'porchlight service install > /dev/null && up'
for _ in $(seq 60); do porchlight service logs | grep -q "is on" && break; sleep 1; done
check "tells the journal that it is on, and no secret" \
  'porchlight service logs | grep -q "is on" && ! porchlight service logs | grep -qE "plk_live_|/enter/"'
kill -9 "$(show MainPID)"
sleep 7
check "is started again when it is killed" 'up && [ "$(show NRestarts)" = 1 ]'
systemctl --user exit
wait $manager
check "ends with its manager, and leaves no process" '! pgrep -f "cli.ts up|workerd" > /dev/null'
manager
check "starts by itself with the next one, as after a reboot" 'up && [ "$(show ActiveState)" = active ]'
systemctl --user stop porchlight.service
check "stops as a success" '[ "$(show Result)" = success ]'
check "is removed" 'porchlight service uninstall > /dev/null && ! porchlight service status > /dev/null'
systemctl --user exit
exit $failed

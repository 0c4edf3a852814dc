# Stops whatever works in $dir and removes it; never anything outside of $dir.
# On QUIT a server ends at once, and initdb after its current step: removing the
# files under either would make it panic and leave its shared memory behind.
# "closing" comes before the ids are read: see LAUNCH in undertaker.rs.
# $uid is the servers' account where that is not ours: the ids stand in files that
# it may write, so that nothing of anybody else's is ended on their word.
: > "$dir/closing"

is_theirs() {
    [ -z "$uid" ] || [ "$(ps -o uid= -p "$pid" 2> /dev/null | tr -d ' ')" = "$uid" ]
}
each_process() {
    for file in "$dir"/*.pid; do
        pid=
        [ -e "$file" ] && read -r pid < "$file"
        [ -n "$pid" ] && is_theirs && "$@"
    done
}
stop() { kill -QUIT "$pid" 2> /dev/null; }
finish() { kill -KILL "$pid" 2> /dev/null; }
# A process that has ended but that nobody reaps still takes signals.
note_alive() {
    kill -0 "$pid" 2> /dev/null || return
    case $(ps -o stat= -p "$pid" 2> /dev/null) in
        Z*) ;;
        *) alive=yes ;;
    esac
}

each_process stop
tries=0
while [ $tries -lt 200 ]; do
    alive=
    each_process note_alive
    [ -z "$alive" ] && break
    sleep 0.05
    tries=$((tries + 1))
done
each_process finish

# A killed postmaster leaves its System V shared memory, named on line 7.
for file in "$dir"/*/postmaster.pid; do
    [ -e "$file" ] || continue
    set -- $(sed -n 7p "$file")
    owner=$(ipcs -m -i "$2" 2> /dev/null | sed -n 's/^uid=\([0-9]*\).*/\1/p')
    { [ -z "$uid" ] || [ "$owner" = "$uid" ]; } && [ -n "$2" ] && ipcrm -m "$2" 2> /dev/null
done

# More than once: a backend that outlives its postmaster may still write.
cd /
tries=0
while rm -rf "$dir" 2> /dev/null; [ -e "$dir" ] && [ $tries -lt 100 ]; do
    sleep 0.05
    tries=$((tries + 1))
done

# Stops every server in $dir and removes it; never anything outside of $dir.
# "closing" comes before the ids are read: see LAUNCH in undertaker.rs.
: > "$dir/closing"

each_server() {
    for file in "$dir"/*.pid; do
        pid=
        [ -e "$file" ] && read -r pid < "$file"
        [ -n "$pid" ] && "$@"
    done
}
stop() { kill -QUIT "$pid" 2> /dev/null; }
finish() { kill -KILL "$pid" 2> /dev/null; }
# A process that nobody reaps still takes signals; its lock file tells it apart.
note_alive() { kill -0 "$pid" 2> /dev/null && [ -e "${file%.pid}/postmaster.pid" ] && alive=yes; }

each_server stop
tries=0
while [ $tries -lt 200 ]; do
    alive=
    each_server note_alive
    [ -z "$alive" ] && break
    sleep 0.05
    tries=$((tries + 1))
done
each_server finish

# More than once: a backend that outlives its postmaster may still write.
cd /
tries=0
while rm -rf "$dir" 2> /dev/null; [ -e "$dir" ] && [ $tries -lt 100 ]; do
    sleep 0.05
    tries=$((tries + 1))
done

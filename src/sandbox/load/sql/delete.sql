-- A user leaves. $1: id.
-- Oldest server: 10. Privileges: DELETE on public.users, SELECT on its id.
DELETE FROM public.users WHERE id = $1

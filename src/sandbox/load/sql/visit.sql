-- A user comes by: a write that does not touch the address. $1: id.
-- Oldest server: 10. Privileges: UPDATE and SELECT on public.users.
UPDATE public.users SET visits = visits + 1 WHERE id = $1

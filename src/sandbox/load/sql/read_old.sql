-- A user's page, by the old column. $1: id. Columns: address, visits.
-- Oldest server: 10. Privileges: SELECT on public.users.
SELECT email, visits FROM public.users WHERE id = $1

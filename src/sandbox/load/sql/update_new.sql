-- A user's address changes in the new version. $1: id, $2: address.
-- Oldest server: 10. Privileges: UPDATE on public.users, SELECT on its id.
UPDATE public.users SET email_address = $2 WHERE id = $1

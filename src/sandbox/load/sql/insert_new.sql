-- A user signs up with the new version. $1: address, $2: name. Column: id.
-- Oldest server: 10. Privileges: INSERT on public.users, SELECT on its id.
INSERT INTO public.users (email_address, name) VALUES ($1, $2) RETURNING id

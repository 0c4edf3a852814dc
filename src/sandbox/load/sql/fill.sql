-- Fills the shop. $1: how many users; their ids are 1 to $1 in a new table.
-- Oldest server: 10. Privileges: INSERT on public.users.
INSERT INTO public.users (email, name, created_at)
SELECT format('user%s@shop.example', n), format('User %s', n), now() - n * interval '1 second'
FROM generate_series(1, $1::bigint) AS n
ORDER BY n

-- Rows as they are now, whichever of the two columns exist. $1: ids.
-- Columns: id, visits, has_email, email, has_email_address, email_address.
-- Oldest server: 10. Privileges: SELECT on public.users.
SELECT
    u.id,
    u.visits,
    j ? 'email' AS has_email,
    j ->> 'email' AS email,
    j ? 'email_address' AS has_email_address,
    j ->> 'email_address' AS email_address
FROM public.users AS u, LATERAL to_jsonb(u) AS j
WHERE u.id = ANY ($1::bigint[])

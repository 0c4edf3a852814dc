-- The demo's application database: a shop and the people who shop there.
-- `email` is the column that the demo renames; it has no index of its own, so
-- that the rename is about the column alone.
CREATE TABLE public.users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    visits integer NOT NULL DEFAULT 0
);

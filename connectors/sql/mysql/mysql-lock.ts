/** The name of a lock by the digest that is its parameter: names are the whole server's, and have at most 64 characters. */
export const MYSQL_LOCK = "concat('sluice:', sha1(concat(coalesce(database(), ''), '\\n', ?)))";

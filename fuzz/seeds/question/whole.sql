SELECT region, COUNT(*) AS people, SUM(spend) FROM tags
WHERE plan <> 'c, d' AND NOT (region = 'east' OR plan IN ('a (b)', 'e--f')) GROUP BY region
WITH (error = 200, error(spend) = 5000, confidence = 0.95)
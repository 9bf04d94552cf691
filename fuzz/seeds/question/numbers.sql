SELECT region, COUNT(spend), AVG(spend) AS mean, MEDIAN(spend), QUANTILE(spend, 0.995), HISTOGRAM(spend) FROM tags
GROUP BY region HAVING mean > 100 ORDER BY MEDIAN(spend) DESC LIMIT 2

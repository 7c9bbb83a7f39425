-- Open deals as they are now, summed by rate and probability. Deals without a status come
-- along, to be counted as left out.
select
    status,
    problem,
    case when problem = 'rate' then currency end as unrated,
    rate,
    probability,
    count(*) as n,
    sum(amount) as amount
from deal
where (status = 'open' or status is null)
    and ($source is null or list_contains(sources, $source))
group by all

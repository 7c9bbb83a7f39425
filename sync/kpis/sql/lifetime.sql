-- What customers have paid so far: every won deal closed before the end of the period, summed
-- by rate; the row without a grouping counts the customers.
select
    grouping(problem) = 1 as total,
    problem,
    case when problem = 'rate' then currency end as unrated,
    rate,
    company is null as orphan,
    count(*) as n,
    count(distinct company) filter (problem is null) as customers,
    sum(amount) as amount
from deal
where status = 'won'
    and ($end is null or close_date < cast($end as date))
    and ($source is null or list_contains(sources, $source))
group by grouping sets (
    (problem, case when problem = 'rate' then currency end, rate, company is null), ()
)

-- Deals won and lost by close date, summed by rate. A closed deal without a close date is in
-- no period, only in "all".
select
    status,
    $start is not null and close_date is null as undated,
    problem,
    case when problem = 'rate' then currency end as unrated,
    rate,
    count(*) as n,
    sum(amount) as amount
from deal
where status in ('won', 'lost')
    and ($start is null or close_date is null or close_date >= cast($start as date))
    and ($end is null or close_date is null or close_date < cast($end as date))
    and ($source is null or list_contains(sources, $source))
group by all

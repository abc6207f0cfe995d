-- The segments of cdnow.seg in SQL, as of 1998-06-30, for DuckDB.
with purchases as (
  select customer_id, bought_on::date as day, amount::decimal(10, 2) as amount
  from read_csv('data/purchases.csv', types = {'amount': 'varchar'})
),
tags as (
  select customer_id,
         date '1998-06-30' - max(day)                                              as recency,
         count(*)                                                                  as frequency,
         sum(amount)                                                               as monetary,
         avg(amount)                                                               as average_basket,
         count(*) filter (day - first_purchase::date < 30)                         as first_month_purchases,
         count(*) filter (day > date '1997-12-30' and day <= date '1998-06-30')    as last_half_year,
         count(*) filter (day > date '1997-06-30' and day <= date '1997-12-30')    as half_year_before
  from read_csv('data/customers.csv') join purchases using (customer_id)
  where day <= date '1998-06-30'
  group by customer_id
),
ranked as (
  select *, row_number() over (order by monetary desc, customer_id) as place, count(*) over () as customers from tags
),
picked as (
  select customer_id from ranked
  where frequency >= 4 and monetary >= 200 and recency between 180 and 365 and not average_basket < 15
  order by monetary desc, customer_id limit 300
),
segments as (
  select *, frequency >= 4 and monetary >= 200 and recency between 180 and 365 as at_risk from ranked
)
select count(*)                                                            as customers,
       count(*) filter (frequency = 1)                                     as one_time,
       count(*) filter (frequency >= 6 and recency <= 90)                  as loyal,
       count(*) filter (at_risk)                                           as at_risk,
       count(*) filter (place <= ceil(customers * 0.01))                   as big_spenders,
       count(*) filter (half_year_before >= 2 and last_half_year < half_year_before) as fading,
       count(*) filter (first_month_purchases >= 2)                        as fast_start,
       (select count(*) from picked)                                       as picked,
       (select count(*) from picked
        where customer_id in (select customer_id from read_csv('out/1998-06-30/win_back*.csv'))) as in_the_files
from segments

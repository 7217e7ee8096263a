import time
from datetime import UTC, datetime
from tests.support.functions import functions_on
def test_probe(aws):
    t=time.time()
    with functions_on(aws) as f:
        print("import", time.time()-t)
        s=f.new_site("acme", clock=datetime(2026,10,20,12,tzinfo=UTC))
        k=f.new_key(s)
        def show(*a,**kw):
            t=time.time(); r=f.call(*a,key=k,**kw); print(a[:2] if len(a[1])<100 else "long", r.status, r.text[:300], round((time.time()-t)*1000,1),"ms"); return r
        show("GET","/v1/site")
        show("POST","/v1/items",{"id":"voip","name":"VoIP","metered":True,"unit":"minute"})
        show("POST","/v1/item-prices",{"id":"p","item_id":"voip","pricing_model":"per_unit","unit_amount":"0.05","base_fee":"10"})
        show("POST","/v1/customers",{"id":"c","name":"C"})
        show("POST","/v1/subscriptions",{"id":"s","customer_id":"c","start":"2026-09-01","lines":[{"item_price_id":"p"}]})
        show("POST","/v1/subscriptions/s/usages",{"item_price_id":"p","usage_date":"2026-09-15","quantity":"22"})
        show("GET","/v1/items/"+"x"*3000)
        show("GET","/v1/subscriptions/"+"x"*3000+"/usages")
        show("POST","/v1/subscriptions/"+"x"*3000+"/usages",{"item_price_id":"p","usage_date":"2026-09-15","quantity":"22"})
        show("GET","/v1/items?limit=0000000059999999")
        show("GET","/v1/items?limit=000000001"+"0"*5000)
        show("POST","/v1/subscriptions/s/usages",b'{"\\ud800":1,"\\ud800":2}') if 0 else None
        show("PATCH","/v1/site",{"timezone":""})
        show("PUT","/v1/subscriptions/s/usages",{})
        show("GET","/v1/subscriptions/s/usages?limit=1")

import json, subprocess, statistics
from tests.server.openai.conftest import WEATHER
from tests.server.conftest import *
def test_ratio(serve):
    served = serve(script={"replies":[{"text":"word " * 3000}]})
    conv=[{"role":"user","content":"x"}]
    def run(path, body):
        out = subprocess.run(["curl","-sN","-o","/dev/null","-w","%{time_total} %{size_download}",served.address+path,"-H","content-type: application/json","-d",json.dumps(body)],capture_output=True,text=True).stdout
        return [float(x) for x in out.split()]
    kinds = {"generate": ("/generate/stream", {"conversation":conv,"max_new_tokens":3000}),
      "chat": ("/v1/chat/completions", {"messages":conv,"max_tokens":3000,"stream":True}),
      "chat tools": ("/v1/chat/completions", {"messages":conv,"max_tokens":3000,"stream":True,"tools":[WEATHER]}),
      "completions": ("/v1/completions", {"prompt":"x","max_tokens":3000,"stream":True})}
    import collections, time
    times=collections.defaultdict(list); sizes={}
    for _ in range(9):
        for k,v in kinds.items():
            t,s=run(*v); times[k].append(t); sizes[k]=s
    for k in kinds: print(k, "median", statistics.median(times[k]), "min", min(times[k]), "tok/s", 3000/statistics.median(times[k]), sizes[k])
    served.client.timeout=100
    t=time.perf_counter(); r=served.client.post(*[kinds["chat"][0]], json={"messages":conv,"max_tokens":3000}); print("whole", time.perf_counter()-t)
    for path in ("/v1/models","/status","/health"):
        t=time.perf_counter()
        for _ in range(50): served.client.get(path)
        print(path, (time.perf_counter()-t)/50*1000, "ms")
    t=time.perf_counter()
    for _ in range(200): served.engine.status()
    print("status", (time.perf_counter()-t)/200*1e6, "us")

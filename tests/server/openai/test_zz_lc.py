from tests.server.conftest import *
from tests.conftest import *
from tests.server.openai.test_responses import REPLIES, talking, WEATHER
def test_lc(talking):
    from langchain_openai import ChatOpenAI
    from langchain_core.tools import tool
    from langchain_core.messages import HumanMessage, ToolMessage
    @tool
    def weather(city: str) -> str:
        "The weather"
        return "sunny"
    for ver in ("v0","responses/v1", "v1"):
        m = ChatOpenAI(model="script", base_url=talking.address+"/v1", api_key="x", use_responses_api=True, max_retries=0, output_version=ver)
        r = m.invoke("hello"); print(r.content, r.usage_metadata, r.response_metadata.get("status"))
        r = m.invoke("think"); print(r.content)
        r2 = m.invoke([HumanMessage("think"), r, HumanMessage("hello")]); print(r2.text)
        t = m.bind_tools([weather])
        q = HumanMessage("weather in Paris?")
        r = t.invoke([q]); print(r.tool_calls)
        r3 = t.invoke([q, r, ToolMessage("sunny", tool_call_id=r.tool_calls[0]["id"])]); print(r3.text)
        acc=None
        for c in t.stream([q]): acc = c if acc is None else acc + c
        print("S", acc.content, acc.tool_calls, acc.usage_metadata)
        acc=None
        for c in t.stream([HumanMessage("think")]): acc = c if acc is None else acc + c
        print("S", acc.content)
        r3 = t.invoke([q, acc, HumanMessage("hello")]); print(r3.text)
    from pydantic import BaseModel
    class City(BaseModel):
        "A city."
        city: str
    print(m.with_structured_output(City).invoke("form"))
def test_litellm(talking):
    import litellm
    r = litellm.responses(model="openai/script", input="hello", api_base=talking.address+"/v1", api_key="x")
    print(r.usage, r.output[0].content[0].text)
    for e in litellm.responses(model="openai/script", input="weather", tools=[WEATHER], stream=True, api_base=talking.address+"/v1", api_key="x"): print(getattr(e,'type',None), end=" ")
def test_parse(talking):
    from openai import OpenAI
    from pydantic import BaseModel
    class City(BaseModel):
        city: str
    c = OpenAI(base_url=talking.address+"/v1", api_key="x")
    print(c.responses.parse(model="script", input="form", text_format=City).output_parsed)
    r = c.responses.create(model="script", input="think")
    dumped=[o.model_dump() for o in r.output]
    r = c.responses.create(model="script", input=[{"role":"user","content":"think"}, *dumped, {"role":"user","content":"hello"}]); print(r.output_text)
    r = c.responses.create(model="script", input="weather", tools=[WEATHER])
    dumped=[o.model_dump() for o in r.output]; print(dumped)
    r = c.responses.create(model="script", input=[{"role":"user","content":"think"}, *dumped, {"type":"function_call_output","call_id":dumped[-1]["call_id"],"output":"sunny"}]); print(r.output_text)
    with c.responses.stream(model="script", input="form", text_format=City) as s:
        for e in s: pass
        print(s.get_final_response().output_parsed)

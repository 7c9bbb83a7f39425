// HubSpot's own JavaScript client at work on one address.
// Standard input: {"url", "token"}; standard output: what it saw, as JSON.
import { readFileSync } from "node:fs";
import { Client } from "@hubspot/api-client";

const { url, token } = JSON.parse(readFileSync(0, "utf8"));
const client = new Client({ accessToken: token, basePath: url, numberOfApiCallRetries: 0 });
const contacts = client.crm.contacts;
const seen = {};

const made = await contacts.basicApi.create({
  properties: { lastname: "ทดสอบ رضایی 🎉", email: "js@example.com" },
  associations: [],
});
seen.created = made.properties.lastname;
await contacts.basicApi.update(made.id, { properties: { phone: "+66 2", email: "" } });
const read = await contacts.basicApi.getById(made.id, ["lastname", "phone", "email"]);
seen.read = read.properties;
seen.createdAt = read.createdAt.toISOString();

const all = await client.crm.companies.getAll(undefined, undefined, ["name"]);
seen.companies = all.map((company) => company.id);

const found = await client.crm.companies.searchApi.doSearch({
  filterGroups: [{ filters: [{ propertyName: "name", operator: "EQ", value: "row 3" }] }],
  sorts: ["hs_object_id"],
  properties: ["name"],
  limit: 10,
  after: "0",
});
seen.found = found.results.map((company) => company.properties.name);

await client.crm.associations.v4.basicApi.create("contacts", made.id, "companies", all[0].id, [
  { associationCategory: "HUBSPOT_DEFINED", associationTypeId: 1 },
]);
const links = await client.crm.associations.v4.basicApi.getPage("contacts", made.id, "companies");
seen.links = links.results.map((link) => String(link.toObjectId));

try {
  await contacts.basicApi.create({ properties: { email: "not an email" }, associations: [] });
} catch (error) {
  seen.refused = { code: error.code, category: error.body.category };
}
await contacts.basicApi.archive(made.id);
try {
  await contacts.basicApi.getById(made.id);
} catch (error) {
  seen.after = error.code;
}
const pipelines = await client.crm.pipelines.pipelinesApi.getAll("deals");
seen.stages = pipelines.results[0].stages.map((stage) => stage.id);
process.stdout.write(JSON.stringify({ id: made.id, ...seen }));

// jsforce, the JavaScript client for Salesforce, at work on one address.
// Standard input: {"url", "clientId", "clientSecret"}; standard output: what it saw, as JSON.
import { readFileSync } from "node:fs";
import jsforce from "jsforce";

const { url, clientId, clientSecret } = JSON.parse(readFileSync(0, "utf8"));
const connection = new jsforce.Connection({
  instanceUrl: url,
  loginUrl: url,
  oauth2: { clientId, clientSecret, loginUrl: url },
});
const seen = {};
await connection.authorize({ grant_type: "client_credentials" });

const made = await connection.sobject("Contact").create({
  LastName: "ทดสอบ رضایی 🎉",
  Email: "js@example.com",
});
seen.success = made.success;
await connection.sobject("Contact").update({ Id: made.id, Phone: "+66 2", Email: null });
const read = await connection.sobject("Contact").retrieve(made.id);
seen.read = { LastName: read.LastName, Phone: read.Phone, Email: read.Email };

seen.companies = [];
const query = connection.query("SELECT Id, Name FROM Account ORDER BY Id");
query.on("record", (row) => seen.companies.push(row.Id));
await query.run({ autoFetch: true, maxFetch: 100000 });

const found = await connection
  .sobject("Account")
  .find({ Name: "row 3" }, ["Id", "Name"])
  .limit(5);
seen.found = found.map((row) => row.Name);

const batch = await connection.sobject("Contact").create(
  [{ LastName: "one" }, { LastName: "two", Email: "broken@" }],
  { allOrNone: false },
);
seen.batch = batch.map((result) => result.success);

try {
  await connection.sobject("Contact").create({ FirstName: "nobody" });
} catch (error) {
  seen.refused = error.errorCode;
}
await connection.sobject("Contact").destroy(made.id);
try {
  await connection.sobject("Contact").retrieve(made.id);
} catch (error) {
  seen.after = error.errorCode;
}
const described = await connection.sobject("Opportunity").describe();
seen.stages = described.fields
  .find((field) => field.name === "StageName")
  .picklistValues.map((choice) => choice.value);
process.stdout.write(JSON.stringify({ id: made.id, ...seen }));

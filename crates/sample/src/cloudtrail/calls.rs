//! The API calls of the cast.

/// An API call.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub service: &'static str,
    pub name: &'static str,
    pub read_only: bool,
    pub parameters: &'static [(&'static str, &'static str)],
}

impl Call {
    /// The services that have one endpoint for the whole world, and so log in one region.
    pub fn is_global(self) -> bool {
        matches!(self.service, "iam" | "signin")
    }
}

const fn read(service: &'static str, name: &'static str) -> Call {
    Call { service, name, read_only: true, parameters: &[] }
}

const fn call(
    service: &'static str,
    name: &'static str,
    read_only: bool,
    parameters: &'static [(&'static str, &'static str)],
) -> Call {
    Call { service, name, read_only, parameters }
}

pub const WHO_AM_I: Call = read("sts", "GetCallerIdentity");
pub const LIST_BUCKETS: Call = read("s3", "ListBuckets");
pub const BUCKET_ACL: Call =
    call("s3", "GetBucketAcl", true, &[("bucketName", "example-invoices"), ("acl", "")]);
pub const LIST_USERS: Call = read("iam", "ListUsers");
pub const CREATE_USER: Call = call("iam", "CreateUser", false, &[("userName", "backup-admin")]);
pub const LIST_SECRETS: Call = read("secretsmanager", "ListSecrets");
pub const GET_SECRET: Call =
    call("secretsmanager", "GetSecretValue", true, &[("secretId", "prod/billing/database")]);
pub const DESCRIBE_INSTANCES: Call = read("ec2", "DescribeInstances");
pub const RUN_INSTANCES: Call = call("ec2", "RunInstances", false, &[("instanceType", "p4d.24xlarge")]);
pub const DESCRIBE_STACKS: Call =
    call("cloudformation", "DescribeStacks", true, &[("stackName", "web-frontend")]);
pub const DECRYPT: Call = call("kms", "Decrypt", true, &[("encryptionAlgorithm", "SYMMETRIC_DEFAULT")]);
pub const ROTATE_KEY: Call = read("kms", "RotateKey");
pub const GET_PARAMETER: Call = call("ssm", "GetParameter", true, &[("name", "/web/feature-flags")]);
pub const CONSOLE_LOGIN: Call = call("signin", "ConsoleLogin", false, &[]);
pub const CREATE_LOG_STREAM: Call =
    call("logs", "CreateLogStream", false, &[("logGroupName", "/aws/lambda/thumbnails")]);
pub const ASSUME_WEB_IDENTITY: Call = call(
    "sts",
    "AssumeRoleWithWebIdentity",
    true,
    &[("roleArn", "arn:aws:iam::444455556666:role/github-deploy"), ("roleSessionName", "GitHubActions")],
);
pub const DEACTIVATE_KEY_OF_ALICE: Call =
    call("iam", "UpdateAccessKey", false, &[("userName", "alice"), ("status", "Inactive")]);
pub const DEACTIVATE_KEY_OF_ERIN: Call =
    call("iam", "UpdateAccessKey", false, &[("userName", "erin"), ("status", "Inactive")]);

/// The calls of people and pipelines on an ordinary day.
pub const EVERYDAY: &[Call] = &[
    WHO_AM_I,
    LIST_BUCKETS,
    BUCKET_ACL,
    DESCRIBE_INSTANCES,
    DESCRIBE_INSTANCES,
    DESCRIBE_STACKS,
    read("ec2", "DescribeSecurityGroups"),
    read("ec2", "DescribeVpcs"),
    read("lambda", "ListFunctions20150331"),
    read("logs", "DescribeLogGroups"),
    read("monitoring", "DescribeAlarms"),
    read("rds", "DescribeDBInstances"),
    read("iam", "ListRoles"),
    call("dynamodb", "DescribeTable", true, &[("tableName", "orders")]),
    call("eks", "DescribeCluster", true, &[("name", "staging")]),
    call("ecr", "GetAuthorizationToken", true, &[]),
    call("logs", "StartQuery", false, &[("logGroupName", "/web/access")]),
    call("lambda", "UpdateFunctionCode20150331v2", false, &[("functionName", "thumbnails")]),
];

/// The calls of a machine, day and night.
pub const MACHINE: &[Call] = &[DECRYPT, GET_PARAMETER, DESCRIBE_INSTANCES, WHO_AM_I];

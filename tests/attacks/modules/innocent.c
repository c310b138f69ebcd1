// SPDX-License-Identifier: GPL-2.0 OR Apache-2.0
/*
 * No attack: a module that does what drivers do with the kernel's own interfaces, and that must not be reported: a
 * netfilter hook, a packet handler, a timer, a thread, a notifier, a file of /proc and a device. Undone when unloaded.
 */
#include "attack.h"

#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/timer.h>
#include <net/net_namespace.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define timer_delete_sync del_timer_sync
#endif

static unsigned int accept(void *private, struct sk_buff *packet, const struct nf_hook_state *state)
{
	return NF_ACCEPT;
}
static struct nf_hook_ops hook = {
	.hook = accept, .pf = NFPROTO_IPV4, .hooknum = NF_INET_LOCAL_IN, .priority = NF_IP_PRI_FILTER};

static int packet(struct sk_buff *packet, struct net_device *in, struct packet_type *type, struct net_device *device)
{
	kfree_skb(packet);
	return 0;
}
static struct packet_type handler = {.type = cpu_to_be16(0x88b5), .func = packet};

static void tick(struct timer_list *timer)
{
}
static DEFINE_TIMER(timer, tick);

static int sleeper(void *unused)
{
	while (!kthread_should_stop())
		schedule_timeout_interruptible(HZ);
	return 0;
}
static struct task_struct *thread;

static int notified(struct notifier_block *block, unsigned long event, void *data)
{
	return NOTIFY_DONE;
}
static struct notifier_block block = {.notifier_call = notified};

static int show(struct seq_file *file, void *unused)
{
	seq_puts(file, "innocent\n");
	return 0;
}
static const struct file_operations operations = {.owner = THIS_MODULE};
static struct miscdevice device = {.minor = MISC_DYNAMIC_MINOR, .name = "innocent", .fops = &operations};

static int __init start(void)
{
	int error = nf_register_net_hook(&init_net, &hook);

	if (error)
		return error;
	dev_add_pack(&handler);
	mod_timer(&timer, jiffies + 3600 * HZ);
	thread = kthread_run(sleeper, NULL, "innocent");
	register_netdevice_notifier(&block);
	proc_create_single("innocent", 0444, NULL, show);
	return misc_register(&device);
}

static void __exit stop(void)
{
	misc_deregister(&device);
	remove_proc_entry("innocent", NULL);
	unregister_netdevice_notifier(&block);
	kthread_stop(thread);
	timer_delete_sync(&timer);
	dev_remove_pack(&handler);
	nf_unregister_net_hook(&init_net, &hook);
}

ATTACK(start, stop);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * xen_vgpufront - a DRM render node for a paravirtual GPU of Xen, with the uAPI of virtio-gpu, so
 * that Mesa's drivers for that use it as they are.
 *
 * The DRM device hangs below a platform device: libdrm enumerates those, and knows no devices of
 * xenbus. It appears when the backend has opened the first session, and stays through reconnects.
 */
#include <linux/device.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/version.h>

#include <drm/drm_drv.h>
#include <drm/drm_prime.h>
#include <drm/drm_print.h>

#include <xen/page.h>
#include <xen/platform_pci.h>
#include <xen/xen.h>

#include "xen_vgpufront.h"

/* --- files ------------------------------------------------------------------------------------ */

static void file_free(struct kref *ref)
{
	struct xvf_file *f = container_of(ref, struct xvf_file, ref);

	kfree(f->seqno);
	xvf_session_put(f->s);
	kfree(f);
}

void xvf_file_put(struct xvf_file *f)
{
	kref_put(&f->ref, file_free);
}

static int file_open(struct drm_device *drm, struct drm_file *file)
{
	struct xvf_dev *x = to_xvf(drm);
	struct xvf_file *f;

	f = kzalloc(sizeof(*f), GFP_KERNEL);
	if (!f)
		return -ENOMEM;
	f->s = xvf_session_get_current(x);
	if (IS_ERR(f->s)) {
		int err = PTR_ERR(f->s);

		kfree(f);
		return err;
	}
	kref_init(&f->ref);
	mutex_init(&f->lock);
	spin_lock_init(&f->stats_lock);
	f->client = atomic64_inc_return(&x->next_client);
	file->driver_priv = f;
	return 0;
}

static void file_close(struct drm_device *drm, struct drm_file *file)
{
	struct xvf_file *f = file->driver_priv;

	if (smp_load_acquire(&f->created))
		xvf_context_end(f->s, f->context_id);
	xvf_file_put(f);
}

/* Source: Documentation/gpu/drm-usage-stats.rst. */
static void show_fdinfo(struct seq_file *m, struct file *filp)
{
	struct drm_file *file = filp->private_data;
	struct xvf_file *f = file->driver_priv;
	u64 bytes = 0, granted = 0, busy_ns;
	struct drm_gem_object *obj;
	int id;

	spin_lock(&file->table_lock);
	idr_for_each_entry(&file->object_idr, obj, id) {
		bytes += obj->size;
		if (READ_ONCE(to_bo(obj)->buffer))
			granted += obj->size;
	}
	spin_unlock(&file->table_lock);
	spin_lock(&f->stats_lock);
	busy_ns = f->busy_ns;
	if (f->busy)
		busy_ns += ktime_to_ns(ktime_sub(ktime_get(), f->busy_since));
	spin_unlock(&f->stats_lock);
	seq_puts(m, "drm-driver:\tvirtio_gpu\n");
	seq_printf(m, "drm-client-id:\t%llu\n", f->client);
	seq_printf(m, "drm-engine-render:\t%llu ns\n", busy_ns);
	seq_printf(m, "drm-memory-vgpu:\t%llu KiB\n", bytes >> 10);
	seq_printf(m, "drm-memory-granted:\t%llu KiB\n", granted >> 10);
}

/*
 * What this device exported comes back as the object it is. Of others' pages there is no resource
 * to be made: the backend's renderer has its own memory, and copies. The core would say -EINVAL.
 */
static struct drm_gem_object *prime_import(struct drm_device *drm, struct dma_buf *dma_buf)
{
	struct drm_gem_object *obj = drm_gem_prime_import(drm, dma_buf);

	if (obj != ERR_PTR(-EINVAL))
		return obj;
	drm_dbg_prime(drm, "a dma-buf of %s is not imported: only this device's own are\n",
		      dma_buf->exp_name);
	return ERR_PTR(-EOPNOTSUPP);
}

static const struct file_operations fops = {
	.owner = THIS_MODULE,
	.open = drm_open,
	.release = drm_release,
	.unlocked_ioctl = drm_ioctl,
	.compat_ioctl = drm_compat_ioctl,
	.poll = drm_poll,
	.read = drm_read,
	.llseek = noop_llseek,
	.mmap = drm_gem_mmap,
	.show_fdinfo = show_fdinfo,
#ifdef FOP_UNSIGNED_OFFSET
	.fop_flags = FOP_UNSIGNED_OFFSET,	/* without it, opening fails since 6.12 */
#endif
};

static const struct drm_driver driver = {
	.driver_features = DRIVER_GEM | DRIVER_RENDER | DRIVER_SYNCOBJ | DRIVER_SYNCOBJ_TIMELINE,
	.open = file_open,
	.postclose = file_close,
	.gem_create_object = xvf_gem_create_object,
	.gem_prime_import = prime_import,
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
	.prime_handle_to_fd = drm_gem_prime_handle_to_fd,
	.prime_fd_to_handle = drm_gem_prime_fd_to_handle,
	.gem_prime_mmap = drm_gem_prime_mmap,
#endif
	.ioctls = xvf_ioctls,
	.num_ioctls = XVF_N_IOCTLS,
	.fops = &fops,
	.name = "virtio_gpu",		/* what Mesa looks for */
	.desc = "Xen paravirtual GPU",
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
	.date = "20260101",
#endif
	.major = 0,
	.minor = 1,
};

/* --- devices ---------------------------------------------------------------------------------- */

int xvf_register(struct xvf_dev *x)
{
	int err;

	if (x->registered)
		return 0;
	err = drm_dev_register(&x->drm, 0);
	x->registered = !err;
	return err;
}

static ssize_t status_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct xvf_dev *x = dev_get_drvdata(dev);
	ssize_t n;

	mutex_lock(&x->session_lock);
	n = sysfs_emit(buf, "%s\n", x->status);
	mutex_unlock(&x->session_lock);
	return n;
}
static DEVICE_ATTR_RO(status);

/* Each of them has a name of its own: libdrm takes two platform devices of one name for one. */
static struct platform_device *make_parent(struct xenbus_device *xbdev)
{
	char name[32];
	struct platform_device_info info = {
		.parent = &xbdev->dev,
		.name = name,
		.id = PLATFORM_DEVID_NONE,
		.dma_mask = DMA_BIT_MASK(64),
	};

	snprintf(name, sizeof(name), "xen-vgpu-%s", strrchr(xbdev->nodename, '/') + 1);
	return platform_device_register_full(&info);
}

static int probe(struct xenbus_device *xbdev, const struct xenbus_device_id *id)
{
	struct platform_device *pdev;
	struct xvf_dev *x;
	int err;

	pdev = make_parent(xbdev);
	if (IS_ERR(pdev))
		return PTR_ERR(pdev);
	if (!devres_open_group(&pdev->dev, NULL, GFP_KERNEL)) {
		err = -ENOMEM;
		goto out_pdev;
	}
	x = devm_drm_dev_alloc(&pdev->dev, &driver, struct xvf_dev, drm);
	if (IS_ERR(x)) {
		err = PTR_ERR(x);
		goto out_group;
	}
	x->pdev = pdev;
	x->xbdev = xbdev;
	mutex_init(&x->session_lock);
	init_waitqueue_head(&x->session_wait);
	dev_set_drvdata(&xbdev->dev, x);
	platform_set_drvdata(pdev, x);
	err = device_create_file(&pdev->dev, &dev_attr_status);
	if (err)
		goto out_group;
	err = xvf_connect_start(x);
	if (err)
		goto out_file;
	return 0;

out_file:
	device_remove_file(&pdev->dev, &dev_attr_status);
out_group:
	devres_release_group(&pdev->dev, NULL);
out_pdev:
	platform_device_unregister(pdev);
	return err;
}

static void remove(struct xenbus_device *xbdev)
{
	struct xvf_dev *x = dev_get_drvdata(&xbdev->dev);
	struct platform_device *pdev = x->pdev;

	device_remove_file(&pdev->dev, &dev_attr_status);
	xvf_connect_stop(x);
	if (x->registered)
		drm_dev_unplug(&x->drm);
	/* x lives on until the last file is closed. */
	devres_release_group(&pdev->dev, NULL);
	platform_device_unregister(pdev);
}

static void otherend_changed(struct xenbus_device *xbdev, enum xenbus_state state)
{
	xvf_connect_kick(dev_get_drvdata(&xbdev->dev));
}

static int resume(struct xenbus_device *xbdev)
{
	xvf_connect_resumed(dev_get_drvdata(&xbdev->dev));
	return 0;
}

static const struct xenbus_device_id ids[] = {
	{ VGPUIF_DEVICE_CLASS },
	{ "" },
};

static struct xenbus_driver xenbus_driver = {
	.ids = ids,
	.probe = probe,
	.remove = remove,
	.resume = resume,
	.otherend_changed = otherend_changed,
	.not_essential = true,
};

static int __init xen_vgpufront_init(void)
{
	BUILD_BUG_ON(XEN_PAGE_SIZE != VGPUIF_PAGE_BYTES || PAGE_SIZE != VGPUIF_PAGE_BYTES);
	BUILD_BUG_ON(XVF_RING_SLOTS != __CONST_RING_SIZE(vgpuif, XVF_RING_PAGES * PAGE_SIZE));
	if (!xen_domain())
		return -ENODEV;
	if (!xen_has_pv_devices())
		return -ENODEV;
	return xenbus_register_frontend(&xenbus_driver);
}
module_init(xen_vgpufront_init);

static void __exit xen_vgpufront_exit(void)
{
	xenbus_unregister_driver(&xenbus_driver);
	rcu_barrier();
}
module_exit(xen_vgpufront_exit);

MODULE_DESCRIPTION("Xen paravirtual GPU frontend");
MODULE_LICENSE("GPL");
MODULE_ALIAS("xen:" VGPUIF_DEVICE_CLASS);
